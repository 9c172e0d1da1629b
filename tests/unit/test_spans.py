"""BIO tags, the best legal sequence of them, and the spans that they stand for."""

import itertools
import tracemalloc
from dataclasses import FrozenInstanceError

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead import spans
from polyhead.spans import OUTSIDE, Floats, Span, best_legal_tags, bio_tags, legal_transitions, tag_runs

LABELS = 2
TAGS = 1 + 2 * LABELS
TAG_SEQUENCES = st.lists(st.integers(0, TAGS - 1), min_size=1, max_size=12)


def is_legal(tags: list[int]) -> bool:
    """State the rule anew: an I- tag follows the B- or I- tag of its own label."""
    names = bio_tags(["a", "b"])
    before = "O"
    for name in (names[tag] for tag in tags):
        if name.startswith("I-") and before[1:] != name[1:]:
            return False
        before = name
    return True


def all_ones(scores: Floats) -> np.ndarray:
    return np.ones(scores.shape[:2], dtype=bool)


def test_tags_come_in_the_order_of_the_labels() -> None:
    assert bio_tags(["PERSON", "LOC"]) == ("O", "B-PERSON", "I-PERSON", "B-LOC", "I-LOC")
    assert bio_tags([]) == ("O",)


def test_the_tag_zero_is_outside() -> None:
    assert bio_tags(["x"])[OUTSIDE] == "O"


def test_the_table_of_legal_transitions_follows_the_names_of_the_tags() -> None:
    legal = legal_transitions(LABELS)
    names = bio_tags(["a", "b"])
    for before, after in itertools.product(range(TAGS), repeat=2):
        expected = not names[after].startswith("I-") or names[before][1:] == names[after][1:]
        assert legal[before, after] == expected, (names[before], names[after])


def test_no_labels_leave_one_legal_transition() -> None:
    assert legal_transitions(0).tolist() == [[True]]


@pytest.mark.parametrize("sureness", [0.3, 2.0, 8.0, 40.0])
def test_what_needs_no_search_is_what_a_search_finds(sureness: float, random: np.random.Generator) -> None:
    steps = random.normal(size=(TAGS, TAGS))
    scores = sureness * random.normal(size=(300, 7, TAGS))
    # As in most texts, most words are outside.
    scores[..., OUTSIDE] += 3 * sureness
    mask = np.arange(7) < random.integers(0, 8, size=300)[:, None]
    tags, sure = spans._word_by_word(scores, mask, steps)  # noqa: SLF001
    assert np.array_equal(tags[sure], spans._searched(scores, mask, steps)[sure])  # noqa: SLF001
    assert np.array_equal(best_legal_tags(scores, mask, transitions=steps), spans._searched(scores, mask, steps))  # noqa: SLF001
    share = sure[mask.sum(axis=1) > 1].mean()
    assert share < 0.1 if sureness < 1 else share > 0.7 if sureness > 10 else True


def test_scores_that_are_no_numbers_need_a_search() -> None:
    scores = np.zeros((3, 2, TAGS))
    scores[..., OUTSIDE] = 50.0
    scores[1, 0, 1], scores[2, 1, OUTSIDE] = np.nan, np.inf
    mask = all_ones(scores)
    assert spans._word_by_word(scores, mask, np.zeros((TAGS, TAGS)))[1].tolist() == [True, False, True]  # noqa: SLF001
    assert best_legal_tags(scores, mask, transitions=np.zeros((TAGS, TAGS))).tolist() == [[0, 0]] * 3


@pytest.mark.parametrize("words", [1, 2, 3, 4])
def test_the_best_legal_sequence_is_the_best_of_all_that_are_legal(words: int, random: np.random.Generator) -> None:
    scores = random.normal(size=(20, words, TAGS))
    found = best_legal_tags(scores, all_ones(scores))
    for row in range(len(scores)):
        sequences = [tags for tags in itertools.product(range(TAGS), repeat=words) if is_legal(list(tags))]
        best = max(sequences, key=lambda tags: sum(scores[row, word, tag] for word, tag in enumerate(tags)))
        assert tuple(found[row].tolist()) == best


def test_learned_transitions_take_part_in_the_choice(random: np.random.Generator) -> None:
    scores, steps = random.normal(size=(10, 3, TAGS)), random.normal(size=(TAGS, TAGS))
    found = best_legal_tags(scores, all_ones(scores), transitions=steps)

    def value(row: int, tags: tuple[int, ...]) -> float:
        emitted = sum(scores[row, word, tag] for word, tag in enumerate(tags))
        return emitted + sum(steps[pair] for pair in itertools.pairwise(tags))

    for row in range(len(scores)):
        legal = [tags for tags in itertools.product(range(TAGS), repeat=3) if is_legal(list(tags))]
        assert tuple(found[row].tolist()) == max(legal, key=lambda tags: value(row, tags))


def test_an_inside_tag_never_comes_first_however_high_its_score() -> None:
    scores = np.zeros((1, 2, TAGS))
    scores[0, :, 2] = 100.0
    assert best_legal_tags(scores, all_ones(scores)).tolist() == [[1, 2]]


def test_padding_is_outside_and_changes_nothing_before_it(random: np.random.Generator) -> None:
    scores = random.normal(size=(8, 5, TAGS))
    mask = np.arange(5) < np.array([1, 2, 3, 4, 5, 5, 3, 1])[:, None]
    found = best_legal_tags(scores, mask)
    garbage = np.where(mask[..., None], scores, random.normal(size=scores.shape) * 1000)
    assert np.array_equal(found, best_legal_tags(garbage, mask))
    for row, length in enumerate(mask.sum(axis=1)):
        assert np.array_equal(
            found[row, :length], best_legal_tags(scores[row : row + 1, :length], mask[row : row + 1, :length])[0]
        )
        assert (found[row, length:] == OUTSIDE).all()


def test_a_row_without_words_gets_no_tag(random: np.random.Generator) -> None:
    scores = random.normal(size=(2, 3, TAGS))
    mask = np.array([[False, False, False], [True, True, True]])
    assert best_legal_tags(scores, mask)[0].tolist() == [OUTSIDE] * 3
    assert best_legal_tags(scores[:, :0], mask[:, :0]).shape == (2, 0)


def test_a_batch_without_rows_gives_no_tags() -> None:
    assert best_legal_tags(np.zeros((0, 4, TAGS)), np.zeros((0, 4), dtype=bool)).shape == (0, 4)


@given(st.integers(0, 2**32 - 1), st.integers(1, 9), st.integers(0, 3))
def test_whatever_the_scores_the_sequence_is_legal(seed: int, words: int, labels: int) -> None:
    scores = np.random.default_rng(seed).normal(size=(3, words, 1 + 2 * labels))
    legal = legal_transitions(labels)
    for tags in best_legal_tags(scores, all_ones(scores)).tolist():
        assert all(legal[pair] for pair in itertools.pairwise([OUTSIDE, *tags]))


def test_one_long_stretch_makes_no_room_for_every_short_one() -> None:
    long, short, labels = 6_000, 4_000, 4
    scores = np.zeros((1, long + 3 * short, 1 + 2 * labels), dtype=np.float32)
    # Inside tags of changing labels are the best everywhere, so nothing is legal and all of it is searched.
    scores[0, np.arange(long), 2 + 2 * (np.arange(long) % labels)] = 1.0
    scores[0, long::3, OUTSIDE] = 9.0
    scores[0, long + 1 :: 3, 2] = scores[0, long + 2 :: 3, 4] = 1.0
    tracemalloc.start()
    found = best_legal_tags(scores, all_ones(scores))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 200e6
    alone = best_legal_tags(scores[:, long : long + 9], np.ones((1, 9), dtype=bool))
    assert found[0, long : long + 9].tolist() == alone[0].tolist()


def test_many_tags_make_no_room_for_every_pair_at_every_word() -> None:
    words, labels = 9_000, 40
    scores = np.zeros((1, words, 1 + 2 * labels), dtype=np.float32)
    scores[0, ::3, OUTSIDE] = 9.0
    scores[0, 1::3, 2] = scores[0, 2::3, 4] = 1.0
    tracemalloc.start()
    found = best_legal_tags(scores, all_ones(scores))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 60e6
    assert found[0, :3].tolist() == best_legal_tags(scores[:, :3], np.ones((1, 3), dtype=bool))[0].tolist()


def test_runs_of_tags_become_spans_in_reading_order() -> None:
    tags = np.array([[1, 2, 0, 3], [0, 1, 1, 2], [0, 0, 0, 0]])
    rows, first, end, labels = tag_runs(tags)
    found = list(zip(rows.tolist(), first.tolist(), end.tolist(), labels.tolist(), strict=True))
    assert found == [(0, 0, 2, 0), (0, 3, 4, 1), (1, 1, 2, 0), (1, 2, 4, 0)]


def test_neighbouring_spans_of_one_label_stay_apart() -> None:
    _, first, end, _ = tag_runs(np.array([[1, 1, 2, 1]]))
    assert (first.tolist(), end.tolist()) == ([0, 1, 3], [1, 3, 4])


def test_no_tags_have_no_runs() -> None:
    assert [len(part) for part in tag_runs(np.zeros((3, 0), dtype=np.int64))] == [0, 0, 0, 0]


@given(TAG_SEQUENCES)
def test_spans_of_words_written_as_tags_again_give_the_same_tags(tags: list[int]) -> None:
    for place, tag in enumerate(tags):
        if tag and tag % 2 == 0 and (place == 0 or tags[place - 1] not in (tag, tag - 1)):
            tags[place] = tag - 1
    assert is_legal(tags)
    again = np.zeros(len(tags), dtype=np.int64)
    for _, first, end, label in zip(*tag_runs(np.array([tags])), strict=True):
        again[first:end] = 2 + 2 * label
        again[first] = 1 + 2 * label
    assert again.tolist() == tags


def test_tags_that_leave_a_run_without_its_begin_are_refused() -> None:
    with pytest.raises(ValueError, match="`tags` must be legal"):
        tag_runs(np.array([[0, 2, 0]]))


def test_a_span_is_frozen_and_sorts_by_its_place() -> None:
    early, late = Span(0, 3, "LOC"), Span(2, 3, "DATE")
    assert sorted([late, early]) == [early, late]
    with pytest.raises(FrozenInstanceError):
        early.start = 1  # type: ignore[misc]


def test_a_span_turns_into_plain_values() -> None:
    assert Span(4, 8, "LOC", "Rome", 0.5).to_json() == {
        "start": 4,
        "end": 8,
        "label": "LOC",
        "text": "Rome",
        "confidence": 0.5,
    }
