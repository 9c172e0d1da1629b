"""Where windows lie, and which of them judges which token."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from polyhead.text.windows import Windows, cut


def windows_of(tokens: int, *, size: int, overlap: float, before: int = 1) -> Windows | None:
    return cut(first=before, last=before + tokens, size=size, overlap=overlap)


def test_what_fits_needs_no_windows() -> None:
    assert windows_of(10, size=10, overlap=0.125) is None
    assert windows_of(0, size=10, overlap=0.125) is None


def test_windows_overlap_by_their_share_and_the_last_one_ends_with_the_text() -> None:
    windows = windows_of(30, size=16, overlap=0.25)
    assert windows is not None
    assert windows.begins.tolist() == [1, 13, 15]
    assert windows.begins[-1] + windows.size == 31


def test_every_window_has_the_tokens_around_the_part_that_is_cut() -> None:
    windows = windows_of(6, size=4, overlap=0.5, before=2)
    assert windows is not None
    assert windows.places(9).tolist() == [[0, 1, 2, 3, 4, 5, 8], [0, 1, 4, 5, 6, 7, 8]]


@given(
    tokens=st.integers(1, 200),
    size=st.integers(1, 40),
    overlap=st.floats(0, 0.5),
    before=st.integers(0, 3),
    after=st.integers(0, 3),
)
def test_every_token_is_judged_where_it_has_most_context(
    tokens: int, size: int, overlap: float, before: int, after: int
) -> None:
    windows = windows_of(tokens, size=size, overlap=overlap, before=before)
    if windows is None:
        assert tokens <= size
        return
    whole = before + tokens + after
    places = windows.places(whole)
    window, place = windows.judges(whole)
    assert np.array_equal(places[window, place], np.arange(whole))
    first, last = windows.begins, windows.begins + size
    for token in range(before, before + tokens):
        holding = np.flatnonzero((first <= token) & (token < last))
        # The end of the text is no lack of context.
        left = np.where(first == before, tokens, token - first)
        right = np.where(last == before + tokens, tokens, last - 1 - token)
        context = np.minimum(left, right)
        assert context[window[token]] >= context[holding].max() - 1


@pytest.mark.parametrize("overlap", [0.0, 0.125, 0.5])
def test_windows_leave_no_token_out(overlap: float) -> None:
    windows = windows_of(1000, size=17, overlap=overlap)
    assert windows is not None
    assert set(windows.places(1002).ravel().tolist()) == set(range(1002))
