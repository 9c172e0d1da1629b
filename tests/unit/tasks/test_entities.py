"""Labelled spans of characters."""

import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from polyhead.spans import Floats, Integers, Span
from polyhead.tasks.base import UNOBSERVED
from polyhead.tasks.entities import Entities, EntitiesAnswer
from polyhead.text.tokens import TextTokenizer, TokenBatch

TEXT = "Fetch Rewards is awesome and is America's number one app"
FETCH, AMERICA = Span(0, 13, "ORG", "Fetch Rewards"), Span(32, 39, "LOC", "America")
LABELS = ("PERSON", "LOC", "ORG", "DATE")
PIECES = (
    "Zoë",
    "cafe\u0301",
    "रहे",
    "👩‍👩‍👧‍👦",
    "🇮🇸",
    "🏟️",
    "東京",
    "القاهرة",
    "\ud83d",
    "\x00",
    "don't",
    "re-built",
    "word",
    ".",
    "ﬁn",
)
SHARED = settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])


@pytest.fixture
def task() -> Entities:
    return Entities(labels=LABELS)


def batch_of(tokenizer: TextTokenizer, *texts: str) -> TokenBatch:
    return tokenizer.batch(tokenizer.tokenize(texts))


def logits_for(targets: Integers, *, outputs: int) -> Floats:
    """Make logits that are sure of each target."""
    return 20.0 * np.eye(outputs)[np.where(targets == UNOBSERVED, 0, targets)]


def entity(start: object = 0, end: object = 5, label: object = "ORG", **others: object) -> dict[str, object]:
    return {"start": start, "end": end, "label": label, **others}


@st.composite
def annotated_texts(draw: st.DrawFn) -> tuple[str, list[Span]]:
    """Draw a text of odd words, some of which bear a label, alone or with the words after them."""
    text, spans = "", []
    for count in draw(st.lists(st.integers(1, 3), min_size=1, max_size=6)):
        start = len(text)
        text += " ".join(draw(st.sampled_from(PIECES)) for _ in range(count))
        if draw(st.booleans()):
            spans.append(Span(start, len(text), draw(st.sampled_from(LABELS)), text[start:]))
        text += draw(st.sampled_from([" ", "  ", "\n", "\u3000"]))
    return text, spans


def test_tags_follow_the_order_of_the_labels(task: Entities) -> None:
    assert task.tags[:4] == ("O", "B-PERSON", "I-PERSON", "B-LOC")
    assert task.outputs == len(task.tags) == 9


def test_the_published_example_is_read_as_it_stands(task: Entities) -> None:
    raw = [
        {"text": "America", "type": "LOC", "start": 32, "end": 39},
        {"text": "Fetch Rewards", "type": "ORG", "start": 0, "end": 13},
    ]
    problems: list[str] = []
    assert task.read(raw, TEXT, problems) == (FETCH, AMERICA)
    assert problems == []


def test_annotated_and_empty_is_a_value(task: Entities) -> None:
    problems: list[str] = []
    assert task.read([], TEXT, problems) == ()
    assert problems == []


@pytest.mark.parametrize(
    ("value", "rule"),
    [
        ("Fetch", "must be a list of spans"),
        ({"start": 0}, "must be a list of spans"),
        ([3], "must be an object with start, end and label"),
        ([None], "must be an object with start, end and label"),
        ([{"end": 3, "label": "ORG"}], "start and end must be whole numbers"),
        ([entity(start="0")], "start and end must be whole numbers"),
        ([entity(start=0.0)], "start and end must be whole numbers"),
        ([entity(start=False)], "start and end must be whole numbers"),
        ([entity(end=None)], "start and end must be whole numbers"),
        ([entity(label="")], "label must be a string that is not empty"),
        ([entity(label=7)], "label must be a string that is not empty"),
        ([{"start": 0, "end": 5}], "label must be a string that is not empty"),
        ([entity(start=-1)], "0 <= start < end <= 56"),
        ([entity(start=5, end=5)], "0 <= start < end"),
        ([entity(start=6, end=5)], "0 <= start < end"),
        ([entity(end=57)], "0 <= start < end"),
        ([entity(end=6)], "must not begin or end with white space"),
        ([entity(start=5, end=13)], "must not begin or end with white space"),
        ([entity(text="Fetsh")], "entity 'Fetsh' covers characters 0-5, but the text there reads 'Fetch'"),
        ([entity(text=5)], "but the text there reads 'Fetch'"),
        ([entity(), entity(start=3, end=13)], "must not overlap. Found 'Fetch' (0-5) and 'ch Rewards' (3-13)"),
        ([entity(), entity()], "must not overlap"),
    ],
)
def test_a_wrong_span_is_a_problem_that_says_the_rule(task: Entities, value: object, rule: str) -> None:
    problems: list[str] = []
    assert task.read(value, TEXT, problems) is None
    assert len(problems) == 1
    assert rule in problems[0]


def test_every_wrong_span_of_a_row_is_told(task: Entities) -> None:
    problems: list[str] = []
    assert task.read([entity(end=99), entity(label=""), entity(start=14, end=16)], TEXT, problems) is None
    assert len(problems) == 2


def test_spans_that_touch_do_not_overlap(task: Entities) -> None:
    problems: list[str] = []
    assert task.read([entity(0, 5), entity(6, 13), entity(13, 16)], "Fetch Rewards Inc", problems) is None
    assert len(problems) == 1
    assert task.read([entity(0, 1), entity(1, 2)], "東京", []) is not None


def test_offsets_count_code_points(task: Entities) -> None:
    assert task.read([entity(3, 7, text="Rome")], "👩🏽 Rome", []) == (Span(3, 7, "ORG", "Rome"),)


def test_labels_are_listed_with_repeats(task: Entities) -> None:
    assert list(task.labels_in((FETCH, AMERICA, FETCH))) == ["ORG", "LOC", "ORG"]


def test_the_first_token_of_each_word_bears_its_tag(task: Entities, wordpiece: TextTokenizer) -> None:
    batch = batch_of(wordpiece, TEXT)
    assert batch.words is not None
    targets = task.targets([(FETCH, AMERICA)], batch)
    names = [task.tags[target] for target in targets[0, batch.words[0]]]
    assert names == ["B-ORG", "I-ORG", "O", "O", "O", "O", "B-LOC", "O", "O", "O", "O", "O"]
    assert (targets[0, ~batch.words[0]] == UNOBSERVED).all()
    assert task.observed(targets) == 12


def test_a_row_without_annotation_is_unobserved_and_an_empty_one_is_outside(
    task: Entities, wordpiece: TextTokenizer
) -> None:
    batch = batch_of(wordpiece, TEXT, TEXT)
    targets = task.targets([None, ()], batch)
    assert (targets[0] == UNOBSERVED).all()
    assert (targets[1, batch.words[1]] == 0).all()  # type: ignore[index]


def test_a_span_of_a_label_that_the_model_does_not_know_is_outside(task: Entities, wordpiece: TextTokenizer) -> None:
    targets = task.targets([(Span(0, 13, "SHIP", "Fetch Rewards"),)], batch_of(wordpiece, TEXT))
    assert set(targets.ravel().tolist()) == {0, UNOBSERVED}


def test_targets_need_words(task: Entities, wordpiece: TextTokenizer) -> None:
    batch = wordpiece.batch(wordpiece.tokenize([TEXT], words=False))
    with pytest.raises(ValueError, match="tokenize with `words=True`"):
        task.targets([()], batch)


def test_spans_off_the_borders_of_words_are_reported(task: Entities, wordpiece: TextTokenizer) -> None:
    batch = batch_of(wordpiece, TEXT)
    words = batch.borders[0, batch.words[0]]  # type: ignore[index]
    inside, half = Span(1, 5, "ORG", "etch"), Span(32, 38, "LOC", "Americ")
    assert task.misaligned((FETCH, inside, half, AMERICA), words) == [inside, half]


@SHARED
@given(annotated=annotated_texts())
def test_spans_written_as_tags_come_back_the_same(
    annotated: tuple[str, list[Span]], text_tokenizer: TextTokenizer
) -> None:
    task = Entities(labels=LABELS)
    text, spans = annotated
    batch = batch_of(text_tokenizer, text, "another text beside it")
    words = batch.borders[0, batch.words[0]]  # type: ignore[index]
    off = task.misaligned(spans, words)
    # Only what a tokenizer leaves out, or what comes after its last token, has no border.
    assert batch.truncated[0] or all({"\x00", "\ud83d"} & set(span.text) for span in off)
    gold = [span for span in spans if span not in off]
    (found, _) = task.decode(logits_for(task.targets([gold, None], batch), outputs=task.outputs), batch)
    assert [(s.start, s.end, s.label, s.text) for s in found.spans] == [(s.start, s.end, s.label, s.text) for s in gold]
    assert task.right(gold, found)


@SHARED
@given(annotated=annotated_texts(), seed=st.integers(0, 1000))
def test_whatever_the_logits_a_span_covers_its_text(
    annotated: tuple[str, list[Span]], seed: int, text_tokenizer: TextTokenizer
) -> None:
    task, (text, _) = Entities(labels=LABELS), annotated
    batch = batch_of(text_tokenizer, text, text[::-1])
    logits = np.random.default_rng(seed).normal(size=(*batch.ids.shape, task.outputs)) * 3
    for row, answer in enumerate(task.decode(logits, batch)):
        end_before = 0
        for span in answer.spans:
            assert batch.texts[row][span.start : span.end] == span.text
            assert span.text == span.text.strip() != ""
            assert end_before <= span.start
            assert 0.0 <= span.confidence <= 1.0
            end_before = span.end


@pytest.mark.parametrize("family", ["wordpiece", "byte_level", "unigram"])
def test_words_that_hold_names_are_aligned_in_every_family(family: str, raw_tokenizers: dict[str, str]) -> None:
    tokenizer = TextTokenizer(Tokenizer.from_str(raw_tokenizers[family]), max_tokens=64, padding_id=0, filler_id=0)
    batch = batch_of(tokenizer, TEXT)
    assert Entities(labels=LABELS).misaligned((FETCH, AMERICA), batch.borders[0, batch.words[0]]) == []  # type: ignore[index]


def test_confidence_is_that_of_the_least_certain_word(task: Entities, wordpiece: TextTokenizer) -> None:
    batch = batch_of(wordpiece, "Fetch Rewards")
    targets = task.targets([(FETCH,)], batch)
    logits = logits_for(targets, outputs=task.outputs)
    second = np.flatnonzero(batch.words[0])[1]  # type: ignore[index]
    logits[0, second] = np.log(np.maximum([0.1, 0, 0, 0, 0, 0, 0.9, 0, 0], 1e-12))
    (span,) = task.decode(logits, batch)[0].spans
    assert span.confidence == pytest.approx(0.9)


def test_huge_logits_give_confidences_and_no_warning(task: Entities, wordpiece: TextTokenizer) -> None:
    batch = batch_of(wordpiece, TEXT)
    logits = logits_for(task.targets([(FETCH,)], batch), outputs=9).astype(np.float32) * 1e4
    assert [span.confidence for span in task.decode(logits, batch)[0].spans] == [1.0]


def test_texts_without_words_have_no_entities(task: Entities, wordpiece: TextTokenizer) -> None:
    batch = batch_of(wordpiece, "", "   ")
    assert task.decode(np.zeros((*batch.ids.shape, 9)), batch) == [EntitiesAnswer(()), EntitiesAnswer(())]


def test_no_texts_have_no_answers(task: Entities, wordpiece: TextTokenizer) -> None:
    batch = wordpiece.batch([])
    assert task.decode(np.zeros((0, 0, 9)), batch) == []


def test_the_loss_is_a_sum_over_words(task: Entities, wordpiece: TextTokenizer) -> None:
    batch = batch_of(wordpiece, TEXT)
    targets = torch.from_numpy(task.targets([(FETCH,)], batch))
    loss = replace(task, decoder="viterbi").loss(torch.zeros(*targets.shape, 9), targets)
    assert loss.item() == pytest.approx(12 * np.log(9), rel=1e-5)


def test_right_means_the_same_places_and_labels(task: Entities) -> None:
    found = EntitiesAnswer((Span(0, 13, "ORG", "Fetch Rewards", 0.4),))
    assert task.right((FETCH,), found)
    assert not task.right((FETCH, AMERICA), found)
    assert not task.right((Span(0, 13, "LOC", "Fetch Rewards"),), found)
    assert not task.right((Span(0, 5, "ORG", "Fetch"),), found)
    assert task.right((), EntitiesAnswer(()))


def test_scores_of_a_worked_example(task: Entities) -> None:
    gold = [(FETCH, AMERICA), (Span(0, 4, "DATE"),), ()]
    given = [(FETCH,), (Span(0, 4, "ORG"),), (Span(3, 9, "ORG"),)]
    score = task.score(gold, [EntitiesAnswer(tuple(spans)) for spans in given])
    assert score["precision"] == pytest.approx(1 / 3)
    assert score["recall"] == pytest.approx(1 / 3)
    assert score["primary"] == score["f1"] == pytest.approx(1 / 3)
    assert score["labels"]["ORG"] == {"precision": pytest.approx(1 / 3), "recall": 1.0, "f1": 0.5, "support": 1}
    assert score["labels"]["PERSON"]["support"] == 0


def test_a_gold_label_that_the_model_does_not_know_counts_as_missed(task: Entities) -> None:
    score = task.score([(Span(0, 4, "SHIP"),)], [EntitiesAnswer(())])
    assert score["recall"] == 0.0
    assert score["labels"]["SHIP"]["support"] == 1


def test_an_answer_is_plain_json(task: Entities, wordpiece: TextTokenizer) -> None:
    batch = batch_of(wordpiece, TEXT)
    found = task.decode(logits_for(task.targets([(FETCH, AMERICA)], batch), outputs=9), batch)[0].to_json()
    assert json.loads(json.dumps(found)) == found
    assert [span["text"] for span in found["spans"]] == ["Fetch Rewards", "America"]
