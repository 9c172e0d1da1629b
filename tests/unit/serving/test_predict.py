import gzip
import json
from types import ModuleType

import numpy as np
import pytest
from fastapi.testclient import TestClient

from polyhead.serving.forms import AnswerForm
from polyhead.text.tokenized import Passage

MARK = "zanzibar-marker"


def lines(content: str) -> list[dict]:
    return [json.loads(line) for line in content.splitlines()]


def test_answers_are_the_predictors_in_the_order_of_the_texts(client: TestClient, stand_in: ModuleType) -> None:
    texts = ["Ada had soup", "", "🙂 great match in Paris", "the vote . دبي", "awful awful bread"] * 6
    answers = client.post("/predict", json={"texts": texts}).json()["answers"]
    assert answers == [answer.to_json() for answer in stand_in.keyword_predictor().predict(texts)]


def test_rows_bring_second_texts_and_tokens(client: TestClient, stand_in: ModuleType) -> None:
    rows = [{"text": "soup", "text_pair": "awful bread", "mood": "good"}, {"tokens": ["Ada", "."]}, {"text": "a"}]
    passages = [Passage("soup", "awful bread"), Passage("Ada .", None, np.array([[0, 3], [4, 5]])), "a"]
    wanted = [answer.to_json() for answer in stand_in.keyword_predictor().predict(passages)]
    assert client.post("/predict", json={"texts": rows}).json()["answers"] == wanted
    content = "\n".join(map(json.dumps, rows))
    streamed = client.post("/predict", content=content, headers={"content-type": "application/x-ndjson"})
    assert lines(streamed.text) == wanted
    assert wanted[0] != stand_in.keyword_predictor().predict(["soup"])[0].to_json()


@pytest.mark.parametrize(
    ("row", "rule"),
    [
        ({}, "must hold a `text`"),
        ({"text": "a", "tokens": [MARK]}, "follow each other"),
        ({"tokens": [" "]}, "more than white space"),
        ({"text": "a", "text_pair": 5}, "`texts[0].text_pair`"),
        ({"text": ["a"]}, "`texts[0]"),
        (5, "`texts[0]`: input should be a valid string"),
    ],
)
def test_a_row_that_cannot_be_read_is_refused_without_an_echo(client: TestClient, row: object, rule: str) -> None:
    response = client.post("/predict", json={"texts": [row]})
    assert (response.status_code, rule in response.json()["error"]["message"]) == (422, True)
    assert MARK not in response.text


def test_a_threshold_only_leaves_out() -> None:
    form, scores = AnswerForm(threshold=0.01), {"a": 0.9, "b": 0.3}
    document = {"text": "x", "tasks": {"tags": {"labels": ["a"], "scores": scores}}}
    assert form.shaped(document, np.zeros(2))["tasks"]["tags"] == {"labels": ["a"], "scores": scores}
    assert AnswerForm(threshold=0.95).shaped(document, np.zeros(2))["tasks"]["tags"] == {"labels": [], "scores": {}}


def test_only_the_tasks_that_are_named_are_answered(client: TestClient) -> None:
    (answer,) = client.post("/predict", json={"texts": ["soup"], "tasks": ["mood", "topic", "mood"]}).json()["answers"]
    assert list(answer["tasks"]) == ["mood", "topic"]


def test_a_model_is_found_under_its_name_too(client: TestClient) -> None:
    body = {"texts": ["soup"]}
    assert client.post("/models/news/predict", json=body).json() == client.post("/predict", json=body).json()
    missing = client.post(f"/models/{MARK}/predict", json=body)
    assert missing.status_code == 404
    assert "must be one of news" in missing.text
    assert MARK not in missing.text


def test_no_option_changes_the_type_of_a_field(client: TestClient) -> None:
    options = {"threshold": 0.9, "top_k": 1, "return_scores": False, "return_embedding": True}
    (plain,) = client.post("/predict", json={"texts": ["Ada had soup"]}).json()["answers"]
    (other,) = client.post("/predict", json={"texts": ["Ada had soup"], **options}).json()["answers"]
    assert len(other.pop("embedding")) == 16
    for name, task in plain["tasks"].items():
        assert {key: type(value) for key, value in task.items()} == {
            key: type(value) for key, value in other["tasks"][name].items()
        }


def test_top_k_keeps_the_highest_scores_first(client: TestClient) -> None:
    (answer,) = client.post("/predict", json={"texts": ["soup soup goal"], "top_k": 2}).json()["answers"]
    assert list(answer["tasks"]["topic"]["scores"]) == ["food", "sport"]


def test_a_threshold_leaves_out_spans_and_scores_below_it(client: TestClient) -> None:
    (answer,) = client.post("/predict", json={"texts": ["Ada had soup"], "threshold": 1.0}).json()["answers"]
    assert answer["tasks"]["entities"]["spans"] == []
    assert answer["tasks"]["topic"]["scores"] == {}
    assert answer["tasks"]["topic"]["label"] == "food"


@pytest.mark.parametrize(
    ("body", "status", "told"),
    [
        (b'{"texts": [NaN]}', 422, "`texts[0]`"),
        (b'{"texts": ["a"], "threshold": NaN}', 422, "`threshold`"),
        (b'{"texts": ["\\ud800 zanzibar-marker"]}', 400, "lone surrogates"),
        (b'{"texts": ["zanzibar-marker"', 400, "one JSON document"),
        (b"\xff\xfe zanzibar-marker", 400, "one JSON document"),
        (b'{"texts":' + b"[" * 100_000, 400, "one JSON document"),
        (b"", 400, "one JSON document"),
        (b"null", 422, "JSON object"),
        (b'{"texts": "zanzibar-marker"}', 422, "valid array"),
        (b'{"texts": [1, "zanzibar-marker", {}]}', 422, "`texts[0]`"),
        (b'{"texts": ["a"], "zanzibar-marker": 1}', 422, "Found another one"),
        (b'{"texts": ["a"], "taks": ["topic"]}', 422, "did you mean 'tasks'"),
        (b'{"texts": ["a"], "tasks": ["zanzibar-marker"]}', 422, "'topic', 'mood', 'entities'"),
        (b'{"texts": ["a"], "tasks": ["topik"]}', 422, "did you mean 'topic'"),
        (b'{"texts": ["a"], "top_k": 0}', 422, "`top_k`"),
        (b'{"texts": ["a"], "top_k": 1e400}', 422, "`top_k`"),
        (b'{"texts": ["a"], "return_scores": "yes"}', 422, "`return_scores`"),
        (b"{}", 422, "`texts`"),
    ],
)
def test_a_wrong_body_gets_a_reason_and_never_an_echo(client: TestClient, body: bytes, status: int, told: str) -> None:
    response = client.post("/predict", content=body, headers={"content-type": "application/json"})
    assert response.status_code == status
    message = response.json()["error"]["message"]
    assert told in message
    assert not message.endswith(("?.", ".."))
    assert MARK not in response.text
    assert client.post("/predict", json={"texts": ["soup"]}).status_code == 200


def test_other_media_types_are_refused(client: TestClient) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"):
        response = client.post("/predict", content=b'{"texts": []}', headers={"content-type": kind})
        assert response.status_code == 415


def test_packed_bodies_are_refused(client: TestClient) -> None:
    headers = {"content-type": "application/json", "content-encoding": "gzip"}
    response = client.post("/predict", content=gzip.compress(b'{"texts": ["soup"]}'), headers=headers)
    assert response.status_code == 415
    assert "Content-Encoding" in response.json()["error"]["message"]
    plain = headers | {"content-encoding": "identity"}
    assert client.post("/predict", content=b'{"texts": ["soup"]}', headers=plain).status_code == 200


def test_no_texts_get_no_answers(client: TestClient) -> None:
    assert client.post("/predict", json={"texts": []}).json() == {"answers": []}


def test_the_headers_tell_the_model_the_tokens_and_the_time(client: TestClient) -> None:
    response = client.post("/predict", json={"texts": ["Ada had soup"]}, headers={"x-request-id": "my-id"})
    assert response.headers["x-request-id"] == "my-id"
    assert response.headers["x-tokens"] == "5"
    assert response.headers["x-model-version"].startswith("news@")
    assert {part.split(";")[0] for part in response.headers["server-timing"].split(", ")} == {
        "tokenize",
        "queue",
        "run",
        "decode",
        "total",
    }


def test_lines_come_back_one_for_one_and_a_bad_line_gets_an_error_in_its_place(client: TestClient) -> None:
    sent = b'"Ada"\n{"text": "soup", "topic": "food"}\n\n{"txt": "zanzibar-marker"}\nnot json\n"\\ud800"\n"Oslo"'
    response = client.post("/predict?tasks=topic", content=sent, headers={"content-type": "application/x-ndjson"})
    assert response.headers["content-type"] == "application/x-ndjson"
    found = lines(response.text)
    assert [line.get("text") for line in found] == ["Ada", "soup", None, None, None, "Oslo"]
    assert [line["error"]["line"] for line in found if "error" in line] == [3, 4, 5]
    assert all(list(line["tasks"]) == ["topic"] for line in found if "tasks" in line)
    assert MARK not in response.text


def test_many_lines_keep_their_order(client: TestClient, stand_in: ModuleType) -> None:
    texts = [f"soup {'great ' * (number % 40)}" for number in range(700)]
    content = "\n".join(map(json.dumps, texts))
    response = client.post("/predict", content=content, headers={"content-type": "application/x-ndjson"})
    assert lines(response.text) == [answer.to_json() for answer in stand_in.keyword_predictor().predict(texts)]


def test_answers_can_stream_for_a_document_too(client: TestClient) -> None:
    response = client.post("/predict", json={"texts": ["Ada", "soup"]}, headers={"accept": "application/x-ndjson"})
    assert [line["text"] for line in lines(response.text)] == ["Ada", "soup"]


def test_wrong_options_of_a_stream_are_refused_before_it_begins(client: TestClient) -> None:
    for query in ("tasks=nope", "top_k=zero", "zanzibar-marker=1", "threshold=nan"):
        response = client.post(f"/predict?{query}", content=b'"a"', headers={"content-type": "application/x-ndjson"})
        assert response.status_code == 422
        assert MARK not in response.text


def test_one_text_that_breaks_the_model_spares_the_others(client: TestClient) -> None:
    sent = b'"Ada"\n"poison"\n'
    found = lines(client.post("/predict", content=sent, headers={"content-type": "application/x-ndjson"}).text)
    assert [line["error"]["type"] for line in found] == ["internal", "internal"]
    response = client.post("/predict", json={"texts": ["poison"]})
    assert response.status_code == 500
    assert "poison" not in response.text
    assert client.post("/predict", json={"texts": ["Ada"]}).status_code == 200
