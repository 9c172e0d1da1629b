import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from polyhead.errors import UsageError
from polyhead.serving.limits import Limits
from polyhead.serving.pace import PASSES_NEEDED

Start = Callable[..., TestClient]
JSON = {"content-type": "application/json"}
LINES = {"content-type": "application/x-ndjson"}


@pytest.mark.parametrize("name", ["body_bytes", "texts", "queue_seconds", "connections"])
def test_a_limit_must_be_above_zero(name: str) -> None:
    for value in (0, -1, float("nan")):
        with pytest.raises(UsageError, match=name):
            Limits(**{name: value})


def test_a_body_that_announces_too_much_is_refused(start: Start) -> None:
    client = start(limits=Limits(body_bytes=100))
    response = client.post("/predict", json={"texts": ["x" * 200]})
    assert response.status_code == 413
    assert "at most 100 bytes" in response.json()["error"]["message"]
    assert response.headers["connection"] == "close"


def test_a_body_that_announces_nothing_is_counted_while_it_comes(start: Start) -> None:
    client = start(limits=Limits(body_bytes=100))
    sent: list[int] = []

    def pieces() -> Iterator[bytes]:
        for number in range(50):
            sent.append(number)
            yield b" " * 10

    assert client.post("/predict", content=pieces(), headers=JSON).status_code == 413


def test_too_many_texts_and_too_long_texts_are_refused_before_they_are_tokenized(start: Start) -> None:
    client = start(limits=Limits(texts=3, characters=10))
    response = client.post("/predict", json={"texts": ["a"] * 4})
    assert (response.status_code, "at most 3 texts" in response.text) == (422, True)
    response = client.post("/predict", json={"texts": ["a", "b" * 11]})
    assert (response.status_code, "Text 1 has 11" in response.text) == (422, True)
    assert client.post("/v1/embeddings", json={"input": ["a"] * 4, "model": "x"}).status_code == 422
    assert client.post("/tei/embed", json={"inputs": "b" * 11}).status_code == 422
    response = client.post("/predict", json={"texts": ["a"] * 4}, headers={"accept": "application/x-ndjson"})
    assert response.status_code == 422


def test_a_stream_may_be_longer_than_a_body_but_not_its_lines(start: Start) -> None:
    client = start(limits=Limits(body_bytes=50, characters=20))
    content = b'"soup"\n' * 100 + b'"' + b"a" * 30 + b'"\n"' + b"b" * 500 + b'"\n"after"\n'
    response = client.post("/predict", content=content, headers=LINES)
    found = [json.loads(line) for line in response.text.splitlines()]
    assert [line["error"]["type"] for line in found[100:102]] == ["invalid", "too_large"]
    assert [line["text"] for line in found[102:]] == ["after"]


def test_a_line_without_an_end_is_refused_once_and_never_held(start: Start) -> None:
    client = start(limits=Limits(body_bytes=50))

    def pieces() -> Iterator[bytes]:
        yield b'"soup"\n"'
        for _ in range(20):
            yield b"c" * 30
        yield b'"\n"goal"\n'

    response = client.post("/predict", content=pieces(), headers=LINES)
    first, refused, last = [json.loads(line) for line in response.text.splitlines()]
    assert (first["text"], refused["error"]["line"], last["text"]) == ("soup", 2, "goal")


def test_a_stream_has_a_longest_length(start: Start) -> None:
    client = start(limits=Limits(stream_bytes=300))
    assert client.post("/predict", content=b'"soup"\n' * 100, headers=LINES).status_code == 413

    def pieces() -> Iterator[bytes]:
        for _ in range(100):
            yield b'"soup"\n'

    response = client.post("/predict", content=pieces(), headers=LINES)
    *answers, last = [json.loads(line) for line in response.text.splitlines()]
    assert last["error"]["type"] == "too_large"
    assert all(answer["text"] == "soup" for answer in answers)


def test_an_answer_that_takes_too_long_is_504_and_its_work_is_dropped(start: Start) -> None:
    client = start(limits=Limits(request_seconds=0.2), workers=1)
    response = client.post("/predict", json={"texts": ["slow"] * 100})
    assert response.status_code == 504
    assert "0.2 seconds" in response.json()["error"]["message"]
    assert client.app.state.service.batcher.depth()[0] == 0


def test_a_request_that_no_idle_server_could_answer_in_time_is_413_once_the_speed_is_known(
    start: Start, folder: Path
) -> None:
    (folder / "polyhead.json").write_text('{"seconds": 0.02}')
    client = start(limits=Limits(request_seconds=5.0), workers=1)
    for _ in range(PASSES_NEEDED):
        assert client.post("/predict", json={"texts": ["soup"]}).status_code == 200
    response = client.post("/predict", json={"texts": ["soup and bread " * 16] * 256})
    assert (response.status_code, "within 5 seconds" in response.text) == (413, True)
    assert client.post("/predict", json={"texts": ["soup"]}).status_code == 200


def test_a_server_that_loads_answers_503_with_a_time_to_come_again(start: Start) -> None:
    client = start(opened=False)
    response = client.post("/predict", json={"texts": ["soup"]})
    assert response.status_code == 503
    assert int(response.headers["retry-after"]) >= 1
    assert client.get("/ready").status_code == 503
