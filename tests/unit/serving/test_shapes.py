"""The shapes of other servers, with the clients that speak them."""

import base64
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from fastapi.testclient import TestClient

Start = Callable[..., TestClient]
HOST = "testserver"


@pytest.fixture
def vectors(stand_in: ModuleType) -> Callable[[list[str]], np.ndarray]:
    return stand_in.keyword_predictor().embed


def test_embeddings_have_openais_shape(client: TestClient, vectors: Callable) -> None:
    body = {"input": ["soup", "Ada", ""], "model": "whatever", "user": "me", "unknown": 1}
    document = client.post("/v1/embeddings", json=body).json()
    assert document["object"] == "list"
    assert document["model"] == "news"
    assert document["usage"] == {"prompt_tokens": 8, "total_tokens": 8}
    assert [item["index"] for item in document["data"]] == [0, 1, 2]
    assert [item["embedding"] for item in document["data"]] == vectors(["soup", "Ada", ""]).tolist()


def test_embeddings_come_as_base64_too(client: TestClient, vectors: Callable) -> None:
    body = {"input": "soup soup", "model": "news", "encoding_format": "base64"}
    (item,) = client.post("/v1/embeddings", json=body).json()["data"]
    assert np.frombuffer(base64.b64decode(item["embedding"]), "<f4").tolist() == vectors(["soup soup"])[0].tolist()


def test_dimensions_must_be_the_models(client: TestClient) -> None:
    body = {"input": "soup", "model": "news", "dimensions": 16}
    assert client.post("/v1/embeddings", json=body).status_code == 200
    assert client.post("/v1/embeddings", json={**body, "dimensions": 8}).status_code == 422


def test_token_ids_are_refused(client: TestClient) -> None:
    for given in ([1, 2, 3], [[1, 2]], 5, None):
        assert client.post("/v1/embeddings", json={"input": given, "model": "news"}).status_code == 422


def test_a_model_is_chosen_by_name_where_there_are_several(start: Start, tmp_path: Path) -> None:
    for name, content in (("a", '{"tilt": 0}'), ("b", '{"tilt": 9}')):
        (tmp_path / name).mkdir()
        (tmp_path / name / "polyhead.json").write_text(content)
    client = start(models=[str(tmp_path / "a"), f"other={tmp_path / 'b'}"])
    assert [item["id"] for item in client.get("/v1/models").json()["data"]] == ["a", "other"]
    assert client.post("/v1/embeddings", json={"input": "x", "model": "other"}).json()["model"] == "other"
    assert client.post("/v1/embeddings", json={"input": "x", "model": "nope"}).status_code == 404
    body = {"texts": ["soup"]}
    labels = [client.post(f"/models/{name}/predict", json=body).json()["answers"][0] for name in ("a", "other")]
    assert [answer["tasks"]["topic"]["label"] for answer in labels] == ["food", "sport"]
    paths = client.get("/openapi.json").json()["paths"]
    assert {"/models/a/predict", "/models/other/predict"} <= set(paths)


def test_teis_embed_takes_a_text_or_a_list_and_normalises(client: TestClient, vectors: Callable) -> None:
    (one,) = client.post("/tei/embed", json={"inputs": "soup soup goal"}).json()
    assert np.linalg.norm(one) == pytest.approx(1)
    raw = client.post("/tei/embed", json={"inputs": ["soup", "Ada"], "normalize": False}).json()
    assert raw == vectors(["soup", "Ada"]).tolist()


def test_teis_predict_answers_a_text_a_batch_or_a_pair(client: TestClient) -> None:
    one = client.post("/tei/predict?task=topic", json={"inputs": "soup"}).json()
    assert [item["label"] for item in one] == ["food", "sport", "politics"]
    assert sum(item["score"] for item in one) == pytest.approx(1)
    batch = client.post("/tei/predict?task=topic", json={"inputs": [["soup"], ["goal"]]}).json()
    assert [items[0]["label"] for items in batch] == ["food", "sport"]
    pair = client.post("/tei/predict?task=topic", json={"inputs": ["soup", "goal goal"]}).json()
    assert pair[0]["label"] == "sport"
    pairs = client.post("/tei/predict?task=topic", json={"inputs": [["soup", "goal goal"]]}).json()
    assert pairs == [pair]


@pytest.mark.parametrize("inputs", [[], [[]], ["a", "b", "c"], [["a", "b", "c"]], ["a", ["b"]], [["a"], "b"], 5, [[1]]])
def test_teis_predict_refuses_other_shapes(client: TestClient, inputs: object) -> None:
    assert client.post("/tei/predict?task=topic", json={"inputs": inputs}).status_code == 422


def test_teis_predict_needs_a_task_that_scores_labels(client: TestClient) -> None:
    for query in ("", "?task=entities", "?task=nope"):
        response = client.post(f"/tei/predict{query}", json={"inputs": "soup"})
        assert response.status_code == 422
        assert "'topic', 'mood'" in response.json()["error"]["message"]


def test_a_text_that_would_be_cut_is_refused_unless_the_caller_allows_it(client: TestClient) -> None:
    long = "soup " * 100
    assert client.post("/tei/embed", json={"inputs": long}).status_code == 413
    assert client.post("/tei/embed", json={"inputs": long, "truncate": True}).status_code == 200
    assert client.post("/tei/predict?task=topic", json={"inputs": long}).status_code == 413
    assert client.post("/v1/embeddings", json={"input": long, "model": "x"}).status_code == 413
    assert client.post("/predict", json={"texts": [long]}).json()["answers"][0]["truncated"] is True


def test_openais_own_client_works(client: TestClient, vectors: Callable) -> None:
    openai = pytest.importorskip("openai")
    asking = openai.OpenAI(api_key="any", base_url=f"http://{HOST}/v1", http_client=client, max_retries=0)
    found = asking.embeddings.create(model="news", input=["soup", "Ada"])
    assert np.allclose([item.embedding for item in found.data], vectors(["soup", "Ada"]))
    assert [model.id for model in asking.models.list()] == ["news"]
    with pytest.raises(openai.UnprocessableEntityError, match="dimensions"):
        asking.embeddings.create(model="news", input="soup", dimensions=3)
