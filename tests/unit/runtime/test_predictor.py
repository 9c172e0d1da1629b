from collections.abc import Iterator, Sequence

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from polyhead.errors import UsageError
from polyhead.runtime.predictor import WINDOW_TEXTS, EngineOutputs, Predictor
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities
from polyhead.text.tokens import TextTokenizer, TokenBatch

WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "red", "green", "blue", "sky"]


class CountingEngine:
    """Reads the answer off the first word, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.shapes: list[tuple[int, int]] = []

    def run(self, batch: TokenBatch, tasks: Sequence[str]) -> EngineOutputs:
        self.asked.append(tuple(tasks))
        self.shapes.append((batch.ids.shape[0], batch.ids.shape[1]))
        first = batch.ids[:, 1] if batch.ids.shape[1] > 1 else batch.ids[:, 0]
        color = np.eye(3)[np.clip(first - 4, 0, 2)] * 9
        tags = np.zeros((*batch.ids.shape, 3))
        tags[..., 1] = np.where(batch.ids == WORDS.index("sky"), 9, -9)
        logits = {"color": color, "things": tags}
        return EngineOutputs({name: logits[name] for name in tasks}, first[:, None].astype(np.float32))


@pytest.fixture
def tokenizer() -> TextTokenizer:
    inner = Tokenizer(models.WordLevel({word: index for index, word in enumerate(WORDS)}, unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return TextTokenizer(inner, max_tokens=16, padding_id=0, filler_id=2)


@pytest.fixture
def engine() -> CountingEngine:
    return CountingEngine()


@pytest.fixture
def predictor(tokenizer: TextTokenizer, engine: CountingEngine) -> Predictor:
    tasks = {"color": Classification(labels=("red", "green", "blue")), "things": Entities(labels=("THING",))}
    return Predictor(tasks=tasks, tokenizer=tokenizer, engine=engine, budget=32)


def test_answers_come_back_in_the_order_of_the_texts(predictor: Predictor) -> None:
    texts = ["blue sky sky sky sky sky", "red", "green sky", "blue", "red sky sky"] * 7
    assert [answer["color"].label for answer in predictor.predict(texts)] == [text.split()[0] for text in texts]


def test_every_span_is_the_slice_of_its_text(predictor: Predictor) -> None:
    answers = predictor.predict(["  red   sky", "sky, 🙂 sky", "", "blue"])
    for answer in answers:
        assert all(answer.text[span.start : span.end] == span.text == "sky" for span in answer["things"].spans)
    assert [len(answer["things"].spans) for answer in answers] == [1, 2, 0, 0]


def test_only_the_tasks_that_are_asked_reach_the_engine(predictor: Predictor, engine: CountingEngine) -> None:
    (answer,) = predictor.predict(["red sky"], tasks=["color"])
    assert set(answer.tasks) == {"color"}
    assert set(engine.asked) == {("color",)}


def test_batches_keep_to_the_budget(predictor: Predictor, engine: CountingEngine) -> None:
    predictor.predict(["red " * count for count in range(1, 14)])
    assert all(rows == 1 or rows * tokens <= 32 for rows, tokens in engine.shapes)


def test_one_engine_call_answers_all_tasks_of_a_batch(predictor: Predictor, engine: CountingEngine) -> None:
    predictor.predict(["red", "blue"])
    assert len(engine.asked) == 1


def test_a_stream_answers_before_its_source_ends(predictor: Predictor) -> None:
    taken: list[int] = []

    def source() -> Iterator[str]:
        for number in range(3 * WINDOW_TEXTS):
            taken.append(number)
            yield "red"

    next(predictor.stream(source()))
    assert len(taken) == WINDOW_TEXTS


def test_embeddings_keep_the_order_and_are_float32(predictor: Predictor) -> None:
    vectors = predictor.embed(["blue sky sky", "red", "green"])
    assert vectors.dtype == np.float32
    assert vectors[:, 0].tolist() == [6, 4, 5]


def test_a_text_that_is_too_long_says_that_it_was_cut(predictor: Predictor) -> None:
    short, long = predictor.predict(["red " * 14, "red " * 15])
    assert not short.truncated
    assert long.truncated


def test_no_texts_give_no_answers(predictor: Predictor) -> None:
    assert predictor.predict([]) == []


@pytest.mark.parametrize(
    ("texts", "tasks", "told"),
    [
        ("red", None, "must be a list of strings. Found one string"),
        (["red", None], None, "`texts[1]` must be a string. Found None"),
        (["red"], ["colour"], "did you mean 'color'"),
        (["red"], [5], "Found 5."),
        (["red"], "color", "`tasks` must be a list of names. Found 'color'; put it in a list."),
        (None, None, "must be a list of strings. Found None"),
    ],
)
def test_a_wrong_call_says_what_is_wrong(predictor: Predictor, texts: list[str], tasks: list[str], told: str) -> None:
    with pytest.raises(UsageError) as caught:
        predictor.predict(texts, tasks=tasks)
    assert told in str(caught.value)


def test_the_answer_as_json_has_the_shape_of_the_contract(predictor: Predictor) -> None:
    (answer,) = predictor.predict(["red sky"])
    document = answer.to_json()
    assert list(document) == ["text", "truncated", "windows", "tasks"]
    assert document["tasks"]["color"]["kind"] == "classification"
    assert document["tasks"]["color"]["scores"].keys() == {"red", "green", "blue"}
    (span,) = document["tasks"]["things"]["spans"]
    assert {key: span[key] for key in ("start", "end", "label", "text")} == {
        "start": 4,
        "end": 7,
        "label": "THING",
        "text": "sky",
    }
