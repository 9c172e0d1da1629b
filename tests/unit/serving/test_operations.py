import json
import logging
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from polyhead.errors import StorageError, UsageError
from polyhead.serving.collect import Collector
from polyhead.serving.journal import JsonLines
from polyhead.serving.models import Models, ServedModel, named_folders

Start = Callable[..., TestClient]
MARK = "zanzibar-marker"


@pytest.fixture
def journal() -> Iterator[list[str]]:
    """Collect every line of every logger, as the server would write them."""
    lines: list[str] = []

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            # The client in these tests writes what it asks.
            if not record.name.startswith(("httpx", "httpcore")):
                lines.append(self.format(record))

    channel, root = Lines(), logging.getLogger()
    channel.setFormatter(JsonLines())
    before = root.level
    root.addHandler(channel)
    root.setLevel(logging.DEBUG)
    yield lines
    root.removeHandler(channel)
    root.setLevel(before)


def value(metrics: str, name: str) -> float:
    (found,) = re.findall(rf"^{re.escape(name)} (\S+)$", metrics, re.MULTILINE)
    return float(found)


def test_health_ready_and_tasks(client: TestClient) -> None:
    assert client.get("/health").json() == {"alive": True}
    assert client.get("/ready").json() == {"ready": True}
    document = client.get("/tasks").json()
    assert document["model"] == "news"
    assert document["tasks"]["topic"] == {
        "kind": "classification",
        "level": "text",
        "labels": ["sport", "food", "politics"],
    }
    assert client.get("/models/news/tasks").json() == document
    assert client.get("/models").json() == {"models": [document]}


def test_a_server_that_drains_is_not_ready(client: TestClient) -> None:
    client.app.state.service.draining = True
    assert client.get("/ready").status_code == 503
    assert client.get("/health").status_code == 200


@pytest.mark.parametrize("path", ["/nope", "/models/news", "/page/../app.py", "/page/%2e%2e%2fapp.py", "/page/x.py"])
def test_unknown_paths_are_404(client: TestClient, path: str) -> None:
    response = client.get(path)
    assert response.status_code == 404
    assert response.json()["error"]["type"] == "not_found"


def test_wrong_methods_are_405_and_name_the_right_one(client: TestClient) -> None:
    response = client.get("/predict")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


def test_metrics_count_requests_errors_passes_and_labels(client: TestClient) -> None:
    client.post("/predict", json={"texts": ["soup", "Ada in Paris", "goal"]})
    client.post("/predict", content=b"{", headers={"content-type": "application/json"})
    client.get("/nope")
    metrics = client.get("/metrics").text
    assert value(metrics, 'polyhead_requests_total{method="POST",route="/predict",status="200"}') == 1
    assert value(metrics, 'polyhead_requests_total{method="POST",route="/predict",status="400"}') == 1
    assert value(metrics, 'polyhead_requests_total{method="GET",route="none",status="404"}') == 1
    assert value(metrics, 'polyhead_errors_total{kind="bad_request"}') == 1
    assert value(metrics, 'polyhead_answers_total{label="food",model="news",task="topic"}') == 1
    assert value(metrics, 'polyhead_answers_total{label="LOC",model="news",task="entities"}') == 1
    assert value(metrics, "polyhead_texts_total") == 3
    assert value(metrics, "polyhead_queue_texts") == 0
    assert 'polyhead_model_info{model="news",version="' in metrics
    stages = set(re.findall(r'polyhead_stage_seconds_count{stage="(\w+)"}', metrics))
    assert stages == {"total", "tokenize", "queue", "run", "decode"}


def test_labels_without_end_do_not_make_counters_without_end(client: TestClient) -> None:
    meter = client.app.state.service.meter
    for number in range(1000):
        meter.see_answer("m", {"t": {"label": f"label {number}"}})
    metrics = meter.exposition().decode()
    assert len(re.findall(r'polyhead_answers_total{.*model="m"', metrics)) == 201
    assert value(metrics, 'polyhead_answers_total{label="other",model="m",task="t"}') == 800


def test_no_text_is_ever_in_a_log_line_or_a_metric(client: TestClient, journal: list[str]) -> None:
    texts = [MARK, f"Ada {MARK}", f"poison {MARK}", f'"}}\n{{"level": "{MARK}"', f"\u001b[31m{MARK}"]
    for text in texts:
        client.post("/predict", json={"texts": [text]})
        client.post(
            f"/predict?{MARK}={MARK}", content=json.dumps(text), headers={"content-type": "application/x-ndjson"}
        )
        client.post("/predict", json={"texts": [text], MARK: MARK, "tasks": [MARK]})
        client.post(f"/{MARK}/%0a{MARK}", json={"texts": [text]}, headers={"x-request-id": f"{MARK} x"})
        client.get(f"/predict?text={MARK}", headers={"user-agent": MARK})
        client.request(MARK.upper()[:7], "/predict")
    assert len(journal) > 20
    assert not [line for line in journal if MARK in line or MARK.upper()[:7] in line]
    assert MARK not in client.get("/metrics").text


def test_every_log_line_is_one_json_document(client: TestClient, journal: list[str]) -> None:
    client.post("/predict", json={"texts": ["soup"]}, headers={"x-request-id": "id-1"})
    client.post("/predict", json={"texts": ["poison"]})
    documents = [json.loads(line) for line in journal if '"event": "request"' in line]
    assert documents[0]["request_id"] == "id-1"
    assert (documents[0]["texts"], documents[0]["characters"], documents[0]["tokens"]) == (1, 4, 3)
    assert documents[1]["error"] == "internal"
    (failure,) = [json.loads(line) for line in journal if '"event": "failure"' in line]
    assert failure["error"] == "ValueError"
    assert all("\n" not in line for line in journal)


def test_a_request_id_that_could_forge_a_line_is_replaced(client: TestClient) -> None:
    for given in ("a b", "x" * 65, 'a"b', "é"):
        answered = client.get("/health", headers={"x-request-id": given.encode()}).headers["x-request-id"]
        assert re.fullmatch(r"[0-9a-f]{24}", answered)


def test_a_reload_swaps_the_model_and_a_bad_folder_leaves_the_old_one(client: TestClient, folder: Path) -> None:
    service, body = client.app.state.service, {"texts": ["soup"]}
    before = client.post("/predict", json=body)
    (folder / "polyhead.json").write_text('{"tilt": 9}')
    (outcome,) = service.models.reload()
    assert outcome.to_json()["reloaded"]
    after = client.post("/predict", json=body)
    assert after.json()["answers"][0]["tasks"]["topic"]["label"] == "sport"
    assert before.headers["x-model-version"] != after.headers["x-model-version"]
    (folder / "polyhead.json").write_text("broken")
    (outcome,) = service.models.reload()
    assert "cannot be read" in outcome.reason
    again = client.post("/predict", json=body)
    assert again.json() == after.json()
    assert again.headers["x-model-version"] == after.headers["x-model-version"]


def test_models_are_named_by_their_folder_or_by_the_caller(tmp_path: Path) -> None:
    assert named_folders([str(tmp_path / "a"), f"b={tmp_path}/x=y"]) == {"a": tmp_path / "a", "b": tmp_path / "x=y"}
    with pytest.raises(UsageError, match="twice"):
        named_folders(["x/a", "y/a"])
    with pytest.raises(UsageError, match="NAME="):
        named_folders(["ünïcode"])


def test_uncertain_texts_are_collected_once_until_the_file_is_full(start: Start, tmp_path: Path) -> None:
    path = tmp_path / "unsure.jsonl"
    client = start(collector=Collector(path, below=0.5, longest=1500))
    client.post("/predict", json={"texts": ["soup soup soup great great", "nothing known", "nothing known"]})
    client.post("/predict", json={"texts": ["nothing known"], "return_scores": False})
    (row,) = map(json.loads, path.read_text().splitlines())
    assert row["text"] == "nothing known"
    assert row["unsure"] == {"topic": pytest.approx(1 / 3)}
    assert row["suggestions"]["topic"]["kind"] == "classification"
    assert "topic" not in row
    for number in range(20):
        client.post("/predict", json={"texts": [f"unknown {number}"]})
    assert path.stat().st_size <= 1500
    assert path.stat().st_mode & 0o077 == 0


def test_a_place_that_cannot_be_written_is_an_error_at_the_start(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match="No such file"):
        Collector(tmp_path / "absent" / "x.jsonl", below=0.5, longest=10)


def test_a_full_disk_ends_the_collecting_and_no_request(start: Start, journal: list[str]) -> None:
    client = start(collector=Collector(Path("/dev/full"), below=0.5, longest=1500))
    for text in ("nothing known", "unknown as well"):
        assert client.post("/predict", json={"texts": [text]}).status_code == 200
    (told,) = [line for line in journal if "collecting_ended" in line]
    assert json.loads(told)["reason"] == "No space left on device"


@pytest.mark.parametrize("loaded", [True, False])
def test_whatever_a_folder_does_when_it_is_opened_again_the_old_model_goes_on(*, loaded: bool) -> None:
    models = Models({"news": Path("absent")}, lambda _: {}["no such key"])
    if loaded:
        models._open["news"] = ServedModel("news", "v1", predictor=None, width=1)  # noqa: SLF001  # type: ignore[arg-type]
    (outcome,) = models.reload()
    assert outcome.to_json() == {
        "model": "news",
        "version": "v1" if loaded else "",
        "reloaded": False,
        "reason": "Found KeyError: 'no such key'.",
    }


def test_the_openapi_document_is_exact_for_what_is_served(client: TestClient) -> None:
    document = client.get("/openapi.json").json()
    assert "/models/news/predict" in document["paths"]
    body = document["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert body["properties"]["texts"]["maxItems"] == 256
    assert body["properties"]["tasks"]["anyOf"][0]["items"] == {"enum": ["topic", "mood", "entities"]}
    (task,) = document["paths"]["/tei/predict"]["post"]["parameters"]
    assert task["schema"]["enum"] == ["topic", "mood"]


def test_the_pages_allow_nothing_from_elsewhere(client: TestClient) -> None:
    for path in ("/", "/docs"):
        response = client.get(path)
        assert response.headers["content-type"].startswith("text/html")
        assert "default-src 'none'" in response.headers["content-security-policy"]
        assert "unsafe" not in response.headers["content-security-policy"]
        for name in re.findall(r'(?:src|href)="(/page/[^"]+)"', response.text):
            assert client.get(name).status_code == 200
        assert not re.findall(r'(?:src|href)="(?:https?:)?//', response.text)


def test_what_fails_inside_is_told_by_its_place_only(
    client: TestClient, journal: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(_: object) -> None:
        raise RuntimeError(MARK)

    monkeypatch.setattr(client.app.state.service.models, "get", broken)
    response = client.post("/predict", json={"texts": ["soup"]})
    assert response.status_code == 500
    assert response.json()["error"]["type"] == "internal"
    assert MARK not in response.text
    assert not [line for line in journal if MARK in line]
