import random

from hypothesis import given
from hypothesis import strategies as some

from polyhead.serving.pace import PassCost
from polyhead.serving.waiting import LEAST_PASSES, MOST_PASSES, WaitingText, WaitingTexts

Texts = WaitingTexts[str]
COST = PassCost(tokens=12, seconds_a_token=0.001)


def waiting(budget: int = 100, age_seconds: float = 1.0) -> Texts:
    return WaitingTexts(budget=budget, age_seconds=age_seconds)


def text(owner: str, tokens: int, *, since: float = 0.0, line: str = "a") -> WaitingText[str]:
    return WaitingText(owner, 0, tokens, line, since)


def test_the_shortest_go_first_and_fill_the_budget() -> None:
    texts = waiting()
    texts.add([text("long", 90), text("a", 20), text("b", 21), text("c", 22), text("d", 23), text("e", 24)])
    assert [item.owner for item in texts.take(0.0)] == ["a", "b", "c", "d"]
    assert [item.owner for item in texts.take(0.0)] == ["e"]
    assert [item.owner for item in texts.take(0.0)] == ["long"]
    assert texts.take(0.0) == []


def test_a_text_goes_alone_where_company_would_waste_more_than_a_pass() -> None:
    texts = waiting(budget=1000)
    texts.add([text("a", 20), text("b", 20), text("c", 20), text("d", 24), text("e", 40)])
    assert [item.owner for item in texts.take(0.0, cost=COST)] == ["a", "b", "c"]
    assert [item.owner for item in texts.take(0.0, cost=COST)] == ["d"]


def test_a_text_that_waited_long_enough_goes_first_with_those_nearest_to_it() -> None:
    texts = waiting(budget=200)
    texts.add([text("old", 50)])
    texts.add(
        [text(name, tokens, since=0.9) for name, tokens in (("new", 5), ("near", 46), ("longer", 52), ("long", 90))]
    )
    assert [item.owner for item in texts.take(1.1)] == ["near", "old", "longer"]


def test_no_text_goes_before_one_that_came_long_before_it() -> None:
    texts = waiting(budget=1000)
    texts.add([text("old", 50)])
    texts.add([text("late", 50, since=1.1), text("later", 5, since=1.2)])
    assert [[item.owner for item in texts.take(1.3)] for _ in range(3)] == [["old"], ["later"], ["late"]]


def test_the_wait_in_a_long_queue_is_that_of_ones_place_in_it() -> None:
    choose, now, waits = random.Random(0), 0.0, list[float]()
    texts = waiting(budget=256, age_seconds=0.5)
    for _ in range(600):
        # Work for two seconds waits all the time.
        while texts.tokens < 2000:
            texts.add([text("any", max(2, round(choose.lognormvariate(3.2, 0.8))), since=now)])
        batch = texts.take(now, cost=COST)
        now += 0.001 * sum(item.tokens for item in batch)
        waits += [now - item.since for item in batch]
    waits = waits[len(waits) // 4 :]
    assert sum(waits) / len(waits) > 1.5
    assert max(waits) < 3


def test_short_texts_that_keep_coming_never_starve_a_long_one() -> None:
    texts = waiting(age_seconds=0.5)
    texts.add([text("long", 99)])
    for step in range(20):
        now = step / 10
        texts.add([text("short", 2, since=now - 0.4) for _ in range(60)])
        if any(item.owner == "long" for item in texts.take(now)):
            break
    assert 0.5 <= now <= 0.7


def test_a_long_text_that_waited_in_proportion_to_its_length_goes_before_a_short_one_that_has_not() -> None:
    texts = waiting(budget=1000)
    texts.add([text("long", 100), text("short", 10, since=0.4)])
    assert [item.owner for item in texts.take(0.41, cost=COST)] == ["long"]
    texts.add([text("long", 100, since=0.4)])
    assert [item.owner for item in texts.take(0.5, cost=COST)] == ["short"]


def test_of_texts_of_one_length_the_one_that_came_first_goes_first() -> None:
    texts = waiting(budget=10)
    texts.add([text(name, 10, since=number / 10) for number, name in enumerate("abc")])
    assert [texts.take(0.5)[0].owner for _ in range(3)] == ["a", "b", "c"]


def test_texts_of_different_lines_never_share_a_batch() -> None:
    texts = waiting()
    texts.add([text("x", 10), text("y", 10, line="b"), text("z", 10)])
    assert [item.owner for item in texts.take(0.0)] == ["x", "z"]
    assert [item.owner for item in texts.take(0.0)] == ["y"]


def test_what_waits_is_shared_out_among_the_workers() -> None:
    texts = waiting(budget=1000)
    texts.add([text("x", 32) for _ in range(8)])
    assert len(texts.take(0.0, workers=2, cost=COST)) == 4
    assert len(texts.take(0.0, workers=2, cost=COST)) == 2
    assert len(texts.take(0.0, workers=2, cost=COST)) == LEAST_PASSES * 12 // 32


def test_a_batch_that_would_gain_nothing_more_is_not_made_longer() -> None:
    texts = waiting(budget=10_000)
    texts.add([text("x", 32) for _ in range(100)])
    assert len(texts.take(0.0, cost=COST)) == MOST_PASSES * 12 // 32


def test_a_text_longer_than_the_budget_is_a_batch_of_its_own() -> None:
    texts = waiting(budget=10)
    texts.add([text("huge", 500), text("small", 4)])
    assert [[item.owner for item in texts.take(now)] for now in (0.0, 0.0)] == [["small"], ["huge"]]


def test_a_dropped_request_leaves_nothing_behind() -> None:
    texts = waiting()
    gone = "gone"
    texts.add([text(gone, 10), text("kept", 10), text(gone, 20)])
    assert texts.drop(gone) == 2
    assert (texts.texts, texts.tokens) == (1, 10)
    assert [item.owner for item in texts.take(9.0)] == ["kept"]
    assert texts.oldest() is None


@given(
    some.lists(some.tuples(some.integers(1, 60), some.sampled_from("ab"), some.booleans()), max_size=40),
    some.integers(1, 100),
)
def test_every_text_comes_out_once_and_no_batch_is_over_budget(steps: list[tuple[int, str, bool]], budget: int) -> None:
    texts = waiting(budget=budget, age_seconds=2.0)
    taken: list[WaitingText[str]] = []
    for now, (tokens, line, takes) in enumerate(steps):
        texts.add([text(str(now), tokens, since=float(now), line=line)])
        if takes:
            taken += _batch(texts, float(now), budget)
    while len(texts):
        taken += _batch(texts, 100.0, budget)
    assert sorted(int(item.owner) for item in taken) == list(range(len(steps)))
    assert texts.tokens == 0


def _batch(texts: Texts, now: float, budget: int) -> list[WaitingText[str]]:
    batch = texts.take(now)
    longest = max(item.tokens for item in batch)
    # A batch is never cut below the share of a worker, so that small budgets do not stand alone.
    assert len(batch) == 1 or len(batch) * longest <= budget
    assert len({item.line for item in batch}) == 1
    return batch
