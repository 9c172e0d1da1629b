"""A server in a process of its own, met over real sockets."""
# ruff: noqa: ANN401  what clients, pages and JSON hold has no type here

import http.client
import json
import random
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

STAND_IN = Path(__file__).parents[1] / "stand_ins" / "keyword_server.py"
MARK = "zanzibar-marker"
END = b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n"
HEAD = b"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"


class Served:
    """A running server."""

    def __init__(self, process: subprocess.Popen[str], port: int, log: Path) -> None:
        self.process, self.port, self.log = process, port, log

    def ask(self, method: str, path: str, document: Any = None, **headers: str) -> tuple[int, Any, dict[str, str]]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        body = None if document is None else json.dumps(document)
        sent = {
            "content-type": "application/json",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        try:
            connection.request(method, path, body, sent if body else headers)
            response = connection.getresponse()
            content = response.read()
        finally:
            connection.close()
        return response.status, json.loads(content or b"null"), {k.lower(): v for k, v in response.getheaders()}

    def predict(self, *texts: str) -> tuple[int, Any, dict[str, str]]:
        return self.ask("POST", "/predict", {"texts": list(texts)})

    @contextmanager
    def raw(self) -> Iterator[socket.socket]:
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            yield connection

    def lines(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.log.read_text().splitlines()]

    def stop(self) -> int:
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(15)


Serve = Callable[..., Served]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_folder(place: Path, **settings: float) -> Path:
    place.mkdir(exist_ok=True)
    (place / "polyhead.json").write_text(json.dumps(settings))
    return place


@contextmanager
def running(place: Path, **settings: Any) -> Iterator[Served]:
    port, log = free_port(), place / "log"
    settings = {"port": port, "models": [str(make_folder(place / "news"))], **settings}
    with log.open("w") as stream:
        process = subprocess.Popen([sys.executable, str(STAND_IN), json.dumps(settings)], stderr=stream, text=True)
    served = Served(process, port, log)
    try:
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and process.poll() is None:
            try:
                if served.ask("GET", "/ready")[0] in (200, 401):
                    break
            except OSError:
                time.sleep(0.05)
        yield served
    finally:
        process.kill()
        process.wait()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A server for tests that leave it as it was."""
    limits = {"header_seconds": 1.0, "body_seconds": 1.0, "body_bytes": 100_000, "request_seconds": 2.0}
    with running(tmp_path_factory.mktemp("shared"), limits=limits) as served:
        yield served


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    with ExitStack() as stack:
        yield lambda **settings: stack.enter_context(running(tmp_path, **settings))


def closed_after(connection: socket.socket, limit: float) -> float:
    """Tell after how many seconds the server closes; trickle bytes meanwhile."""
    began = time.monotonic()
    connection.settimeout(0.1)
    while time.monotonic() - began < limit:
        try:
            connection.sendall(b"x")
            if connection.recv(4096) == b"":
                return time.monotonic() - began
        except TimeoutError:
            continue
        except OSError:
            return time.monotonic() - began
    return limit


def test_it_answers_over_http(shared: Served) -> None:
    status, document, headers = shared.predict("Ada had soup in Paris 🙂 عمر")
    assert status == 200
    spans = document["answers"][0]["tasks"]["entities"]["spans"]
    assert [span["text"] for span in spans] == ["Ada", "Paris", "عمر"]
    assert "server" not in headers


@pytest.mark.parametrize(
    "beginning",
    [
        b"",
        b"POST /predict HT",
        b"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\nx-slow: ",
        HEAD + b"content-length: 5000\r\n\r\n{",
        HEAD + b'transfer-encoding: chunked\r\n\r\n2\r\n{"\r\n',
    ],
    ids=["nothing", "half a line", "half a head", "half a body", "half a chunked body"],
)
def test_a_slow_client_is_closed_and_others_do_not_notice(shared: Served, beginning: bytes) -> None:
    with ExitStack() as stack:
        slow = [stack.enter_context(shared.raw()) for _ in range(20)]
        for connection in slow:
            connection.sendall(beginning)
        assert shared.predict("soup")[0] == 200
        assert closed_after(slow[0], 6.0) < 5.0
        assert all(closed_after(connection, 2.0) < 2.0 for connection in slow[1:])


def test_the_second_request_of_a_connection_may_not_be_slow_either(shared: Served) -> None:
    with shared.raw() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        assert connection.recv(4096).startswith(b"HTTP/1.1 200")
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: ")
        assert closed_after(connection, 5.0) < 3.0


def test_a_body_that_is_too_long_is_refused_before_it_has_come(shared: Served) -> None:
    head = b"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    for how in (b"content-length: 50000000\r\n\r\n", b"transfer-encoding: chunked\r\n\r\n"):
        with shared.raw() as connection:
            connection.sendall(head + how)
            piece = b"x" * 60_000
            for _ in range(3):
                connection.sendall(piece if b"length" in how else b"%x\r\n%s\r\n" % (len(piece), piece))
            answer = connection.recv(4096)
            assert answer.startswith(b"HTTP/1.1 413")
            assert b"connection: close" in answer.lower()


def test_a_client_that_writes_everything_first_still_reads_the_refusal(shared: Served) -> None:
    assert shared.predict("x" * 3_000_000)[0] == 413


def raw_requests(seed: int, count: int) -> Iterator[bytes]:
    """Make requests that are wrong in their lines, lengths, heads and bodies."""
    choose = random.Random(seed)

    def mostly(good: bytes, *bad: bytes) -> bytes:
        return good if choose.random() < 0.85 else choose.choice(bad)

    echo = b'{"texts": ["%s"], ' % MARK.encode()
    bodies = [
        b'{"texts": [NaN]}',
        b'{"texts": ["\\ud800"]}',
        b"[" * 5000,
        b"\x00\xff",
        echo,
        echo + b'"%s": 1}' % MARK.encode(),
    ]
    for _ in range(count):
        body = choose.choice(bodies)
        right = b"content-length: %d\r\n" % len(body)
        chunked = b"transfer-encoding: chunked\r\n"
        method = mostly(b"POST", b"GET", b"PUT", b"\xff", b"TRACE", b"post")
        path = mostly(
            b"/predict", b"/v1/embeddings", b"/tei/embed", b"/../../etc/passwd", b"//", b"*", b"/%00", b"/\xff"
        )
        version = mostly(b"HTTP/1.1", b"HTTP/1.0", b"HTTP/9", b"")
        framing = mostly(
            right, chunked, right + chunked, right * 2, right + b"content-length: 2\r\n", b"content-length: -1\r\n"
        )
        extra = mostly(
            b"", b"x: " + b"a" * 100_000 + b"\r\n", b"bad head\r\n", b"x: \x00\r\n", b"expect: 100-continue\r\n"
        )
        kind = mostly(b"application/json", b"application/x-ndjson", b"text/plain", b"application/json; charset=utf-7")
        head = b"%s %s %s\r\nhost: 127.0.0.1\r\nconnection: close\r\ncontent-type: %s\r\n"
        head = head % (method, path, version, kind)
        yield head + framing + extra + b"\r\n" + body


def answer_to(served: Served, request: bytes) -> bytes:
    """Send bytes, and return what comes until the server closes: a client that closes its half is gone for it."""
    answer = b""
    with served.raw() as connection:
        try:
            connection.sendall(request)
            while piece := connection.recv(65536):
                answer += piece
        except OSError:
            pass
    return answer


def statuses_of(answer: bytes) -> list[int]:
    return [int(status) for status in re.findall(rb"HTTP/1\.1 (\d{3}) ", answer)]


def test_malformed_requests_never_make_a_5xx_nor_an_echo(shared: Served) -> None:
    requests = list(raw_requests(7, 400))
    with ThreadPoolExecutor(16) as clients:
        answers = list(clients.map(lambda request: answer_to(shared, request), requests))
    for request, answer in zip(requests, answers, strict=True):
        assert all(status < 500 for status in statuses_of(answer)), request[:200]
        assert MARK.encode() not in answer
    assert sum(not statuses_of(answer) for answer in answers) < 20
    assert shared.predict("soup")[0] == 200
    assert not [line for line in shared.lines() if line["level"] == "error"]
    assert MARK not in shared.log.read_text()


@pytest.mark.parametrize(
    "request_bytes",
    [
        b"\x16\x03\x01 no HTTP\r\n\r\n",
        b"GET / HTTP/1.1\r\nx: " + b"a" * 100_000 + b"\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\n\r\n",
    ],
    ids=["TLS", "a long head", "a bad path"],
)
def test_what_is_no_http_is_refused_in_the_shape_of_every_refusal(shared: Served, request_bytes: bytes) -> None:
    head, _, body = answer_to(shared, request_bytes).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert json.loads(body)["error"]["type"] == "bad_request"


def test_a_body_with_two_lengths_is_refused_and_the_connection_closed(shared: Served) -> None:
    head = HEAD + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n"
    assert statuses_of(answer_to(shared, head + b"0\r\n\r\nGET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")) == [400]


def test_requests_in_a_pipeline_are_answered_in_their_order(shared: Served) -> None:
    def request(text: str) -> bytes:
        body = json.dumps({"texts": [text]}).encode()
        return HEAD + b"content-length: %d\r\n\r\n" % len(body) + body

    answer = answer_to(shared, request("great soup") + request("goal") + END)
    assert statuses_of(answer) == [200, 200, 200]
    assert answer.index(b"great soup") < answer.index(b"goal") < answer.index(b"alive")


def test_a_head_can_be_had_without_its_body(shared: Served) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", shared.port, timeout=5)
    for path, wanted in (("/health", 200), ("/", 200), ("/predict", 405)):
        connection.request("HEAD", path)
        response = connection.getresponse()
        assert (response.status, response.read()) == (wanted, b"")
        assert int(response.headers["content-length"]) > 0
    connection.close()


def test_a_response_is_sent_in_one_piece(shared: Served) -> None:
    with shared.raw() as connection:
        connection.sendall(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n")
        assert connection.recv(65536).endswith(b"}")


def test_lines_can_be_answered_while_they_come(shared: Served) -> None:
    with shared.raw() as connection:
        connection.sendall(
            b"POST /predict?tasks=topic HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/x-ndjson\r\n"
            b"transfer-encoding: chunked\r\n\r\n"
        )
        reader = connection.makefile("rb")
        for text in (b'"soup"\n', b'"goal"\n'):
            connection.sendall(b"%x\r\n%s\r\n" % (len(text), text))
            while not (line := reader.readline()).startswith(b"{"):
                assert line
            assert json.loads(line)["text"] == json.loads(text)
        connection.sendall(b"0\r\n\r\n")


def test_a_client_that_goes_away_takes_its_texts_along(serve: Serve) -> None:
    served = serve(workers=1)
    body = json.dumps({"texts": ["slow"] * 40}).encode()
    with served.raw() as connection:
        head = (
            b"POST /predict HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        )
        connection.sendall(head % len(body) + body)
        time.sleep(0.3)
    began = time.monotonic()
    assert served.predict("soup")[0] == 200
    assert time.monotonic() - began < 2.0


def test_sigterm_finishes_what_is_in_flight_and_ends_with_0(serve: Serve) -> None:
    served = serve()
    statuses: list[int] = []
    asking = [threading.Thread(target=lambda: statuses.append(served.predict("slow soup")[0])) for _ in range(4)]
    for thread in asking:
        thread.start()
    time.sleep(0.3)
    began = time.monotonic()
    assert served.stop() == 0
    assert time.monotonic() - began < 8
    for thread in asking:
        thread.join()
    assert statuses == [200] * 4
    with pytest.raises(OSError, match="refused"):
        served.predict("soup")
    assert [line for line in served.lines() if line["event"] == "draining"]


def test_a_notice_lets_requests_through_while_ready_says_no(serve: Serve) -> None:
    served = serve(notice_seconds=1.0)
    served.process.send_signal(signal.SIGTERM)
    time.sleep(0.3)
    assert served.ask("GET", "/ready")[0] == 503
    assert served.predict("soup")[0] == 200
    assert served.process.wait(10) == 0


def test_models_are_swapped_under_load_without_a_lost_or_a_mixed_answer(serve: Serve, tmp_path: Path) -> None:
    keys = tmp_path / "admin"
    keys.write_text("admin-key\n")
    served = serve(admin_key_file=str(keys))
    folder, stop = tmp_path / "news", threading.Event()
    found: list[tuple[int, str, str]] = []
    key = "Bearer admin-key"

    def load() -> None:
        while not stop.is_set():
            body = {"texts": ["soup", "great soup"]}
            status, document, headers = served.ask("POST", "/predict", body, authorization=key)
            labels = {answer["tasks"]["topic"]["label"] for answer in document["answers"]}
            found.append((status, headers["x-model-version"], ",".join(labels)))

    threads = [threading.Thread(target=load) for _ in range(3)]
    for thread in threads:
        thread.start()
    for turn in range(6):
        make_folder(folder, tilt=9 * (turn % 2))
        assert served.ask("POST", "/admin/reload", authorization=key)[0] == 200
        (folder / "polyhead.json").write_text("broken")
        status, outcome, _ = served.ask("POST", "/admin/reload", authorization=key)
        assert (status, outcome["models"][0]["reloaded"]) == (409, False)
    stop.set()
    for thread in threads:
        thread.join()
    assert {status for status, _, _ in found} == {200}
    by_version = {version: {labels for _, v, labels in found if v == version} for _, version, _ in found}
    assert all(len(labels) == 1 for labels in by_version.values())
    assert {labels for (labels,) in by_version.values()} == {"food", "sport"}


def test_sighup_reloads_too(serve: Serve, tmp_path: Path) -> None:
    served = serve()
    make_folder(tmp_path / "news", tilt=9)
    served.process.send_signal(signal.SIGHUP)
    deadline = time.monotonic() + 5
    label = ""
    while time.monotonic() < deadline and label != "sport":
        label = served.predict("soup")[1]["answers"][0]["tasks"]["topic"]["label"]
    assert label == "sport"


def test_too_much_load_is_refused_at_once_and_forgotten_soon(serve: Serve, tmp_path: Path) -> None:
    slow = make_folder(tmp_path / "slow", seconds=0.05)
    served = serve(limits={"queue_seconds": 1.0}, workers=1, models=[str(slow)])
    found: list[tuple[int, float, dict[str, str]]] = []

    def load() -> None:
        began = time.monotonic()
        status, _, headers = served.predict("great soup " * 14)
        found.append((status, time.monotonic() - began, headers))

    threads = [threading.Thread(target=load) for _ in range(300)]
    for thread in threads:
        thread.start()
        time.sleep(0.002)
    for thread in threads:
        thread.join()
    assert {status for status, _, _ in found} == {200, 503}
    assert all(int(headers["retry-after"]) >= 1 for status, _, headers in found if status == 503)
    accepted = sorted(seconds for status, seconds, _ in found if status == 200)
    assert accepted[int(0.99 * len(accepted))] < 1.5
    time.sleep(1)
    began = time.monotonic()
    assert served.predict("soup")[0] == 200
    assert time.monotonic() - began < 0.5


def full(served: Served, stack: ExitStack, connections: int) -> None:
    """Open as many connections as there may be; nothing comes over them."""
    for _ in range(connections):
        stack.enter_context(served.raw())
    # The server has taken them when the next one is refused.
    while served.predict("soup")[0] != 503:
        time.sleep(0.01)


def test_a_client_over_the_cap_of_connections_reads_why(serve: Serve) -> None:
    served = serve(limits={"connections": 3})
    with ExitStack() as stack:
        full(served, stack, 3)
        for text in ("soup", "x" * 1_500_000):
            status, document, headers = served.predict(text)
            assert status == 503
            assert document["error"]["type"] == "overloaded"
            assert (headers["retry-after"], headers["connection"]) == ("1", "close")
        assert served.ask("GET", "/health")[:2] == (200, {"alive": True})
        assert served.ask("GET", "/ready")[0] == 503
    while served.predict("soup")[0] == 503:
        time.sleep(0.05)
    metrics = answer_to(served, b"GET /metrics HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").decode()
    counted = re.search(r'polyhead_requests_total{method="other",route="none",status="503"} (\d+)', metrics)
    assert counted
    assert int(counted[1]) >= 4


def test_every_client_of_a_crowd_gets_an_answer(serve: Serve) -> None:
    served = serve(limits={"connections": 4})
    with ThreadPoolExecutor(40) as clients:
        statuses = list(clients.map(lambda _: served.predict("great soup")[0], range(400)))
    assert set(statuses) == {200, 503}


def test_silent_clients_over_the_cap_are_closed_and_never_reset(serve: Serve) -> None:
    served = serve(limits={"connections": 3})
    with ExitStack() as stack:
        full(served, stack, 3)
        silent = [stack.enter_context(served.raw()).makefile("rb") for _ in range(300)]
        # However many are silent, who asks is answered.
        assert served.predict("x" * 1_500_000)[0] == 503
        began = time.monotonic()
        assert {connection.readline() for connection in silent} == {b"HTTP/1.1 503 Service Unavailable\r\n"}
        assert time.monotonic() - began < 6.0


def test_a_folder_that_is_no_model_ends_the_server_with_its_reason(tmp_path: Path) -> None:
    settings = {"port": free_port(), "models": [str(tmp_path)]}
    command = [sys.executable, str(STAND_IN), json.dumps(settings)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    assert done.returncode != 0
    assert "is no model folder" in done.stderr
