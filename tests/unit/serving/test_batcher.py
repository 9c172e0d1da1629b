# ruff: noqa: ANN401  what clients, pages and JSON hold has no type here

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from types import ModuleType
from typing import Any

import pytest

from polyhead.runtime.predictor import Predictor
from polyhead.serving.batcher import Batcher
from polyhead.serving.job import Job
from polyhead.serving.limits import Limits
from polyhead.serving.metrics import Meter
from polyhead.serving.refusals import RefusedError

Ask = Callable[..., Job]


@pytest.fixture
def make() -> Iterator[Callable[..., Batcher]]:
    with ExitStack() as stack:

        def made(*, workers: int = 2, started: bool = True, **limits: Any) -> Batcher:
            batcher = Batcher(workers=workers, budget=64, limits=Limits(**limits), meter=Meter())
            if started:
                batcher.start()
            stack.callback(batcher.stop)
            return batcher

        yield made


def job(predictor: Predictor, texts: Sequence[str], tasks: Sequence[str], delivered: Callable[[Job], None]) -> Job:
    return Job(predictor, list(texts), tuple(tasks), lambda answer, _: answer.to_json(), delivered)


def answered(batcher: Batcher, predictor: Predictor, texts: Sequence[str], tasks: Sequence[str] = ("topic",)) -> Job:
    done = threading.Event()
    made = job(predictor, texts, tasks, lambda _: done.set())
    batcher.submit(made)
    assert done.wait(10)
    return made


def rounded(value: Any) -> Any:
    """Leave out the last digits: on some processors, sums over a batch round otherwise than over each of its texts."""
    if isinstance(value, dict):
        return {key: rounded(of) for key, of in value.items()}
    if isinstance(value, list):
        return [rounded(of) for of in value]
    return round(value, 9) if isinstance(value, float) else value


def test_many_callers_get_what_the_predictor_says(make: Callable[..., Batcher], stand_in: ModuleType) -> None:
    batcher, predictor = make(), stand_in.keyword_predictor()
    asked = (("topic",), ("entities",), ("mood", "entities"), ("topic", "mood", "entities"), ())
    failures: list[Any] = []

    def call(number: int) -> None:
        for turn in range(20):
            tasks = asked[(number + turn) % len(asked)]
            texts = [f"Ada had {'great ' * ((number + k) % 9)}soup 🙂 دبي" for k in range(1 + turn % 4)]
            found = answered(batcher, predictor, texts, tasks)
            wanted = [answer.to_json() for answer in predictor.predict(texts, tasks)]
            if found.failure is not None or rounded(found.results) != rounded(wanted):
                failures.append((tasks, texts, found.failure))

    threads = [threading.Thread(target=call, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_texts_of_different_requests_share_a_pass_with_the_union_of_heads(
    make: Callable[..., Batcher], stand_in: ModuleType
) -> None:
    engine = stand_in.KeywordEngine()
    predictor = stand_in.keyword_predictor(engine)
    batcher = make(workers=1, started=False)
    done = threading.Semaphore(0)
    jobs = [job(predictor, ["Ada had soup"], (task,), lambda _: done.release()) for task in ("topic", "entities")]
    for each in jobs:
        batcher.submit(each)
    batcher.start()
    for _ in jobs:
        assert done.acquire(timeout=5)
    assert engine.asked == [("topic", "entities")]
    assert [list(each.results[0]["tasks"]) for each in jobs] == [["topic"], ["entities"]]


def test_an_idle_batcher_adds_no_delay(make: Callable[..., Batcher], stand_in: ModuleType) -> None:
    batcher, predictor = make(), stand_in.keyword_predictor()
    found = [answered(batcher, predictor, ["soup"]) for _ in range(30)]
    assert sorted(one.seconds["queue"] for one in found)[15] < 0.005


def test_a_long_text_does_not_hold_up_short_ones(make: Callable[..., Batcher], stand_in: ModuleType) -> None:
    predictor = stand_in.keyword_predictor(stand_in.KeywordEngine(seconds_a_token=0.001))
    batcher = make(workers=1, started=False)
    order: list[str] = []
    done = threading.Semaphore(0)

    def delivered(name: str) -> Callable[[Job], None]:
        return lambda _: (order.append(name), done.release())[1]

    batcher.submit(job(predictor, ["great " * 60] * 3, ("topic",), delivered("long")))
    for _ in range(3):
        batcher.submit(job(predictor, ["soup"], ("topic",), delivered("short")))
    batcher.start()
    for _ in range(4):
        assert done.acquire(timeout=5)
    assert order == ["short", "short", "short", "long"]


def test_a_full_queue_is_refused_with_a_time_to_come_again(make: Callable[..., Batcher], stand_in: ModuleType) -> None:
    batcher, predictor = make(started=False, queue_texts=10), stand_in.keyword_predictor()
    batcher.submit(job(predictor, ["soup"] * 8, (), lambda _: None))
    batcher.submit(job(predictor, ["soup"] * 2, (), lambda _: None))
    with pytest.raises(RefusedError) as caught:
        batcher.submit(job(predictor, ["soup"], (), lambda _: None))
    assert caught.value.status == 503
    assert int(caught.value.headers["retry-after"]) >= 1


def test_a_request_is_never_refused_for_its_own_size(make: Callable[..., Batcher], stand_in: ModuleType) -> None:
    batcher, predictor = make(queue_texts=2), stand_in.keyword_predictor()
    assert len(answered(batcher, predictor, ["soup"] * 50).results) == 50


def test_a_wait_that_would_be_too_long_is_refused_at_once(make: Callable[..., Batcher], stand_in: ModuleType) -> None:
    predictor = stand_in.keyword_predictor(stand_in.KeywordEngine(seconds=0.1))
    batcher = make(workers=1, queue_seconds=0.2)
    answered(batcher, predictor, ["soup"])
    accepted, refusal = 0, None
    for _ in range(60):
        try:
            batcher.submit(job(predictor, ["great soup"] * 20, ("topic",), lambda _: None))
            accepted += 1
        except RefusedError as error:
            refusal = error
            break
    assert refusal is not None
    assert accepted < 10


def test_what_waited_too_long_is_answered_503_and_leaves_the_queue(
    make: Callable[..., Batcher], stand_in: ModuleType
) -> None:
    predictor = stand_in.keyword_predictor()
    batcher = make(workers=1, queue_seconds=0.1)
    done = threading.Semaphore(0)
    jobs = [job(predictor, [word], ("topic",), lambda _: done.release()) for word in ("slow", "soup", "slow")]
    batcher.submit(jobs[0])
    time.sleep(0.05)
    for each in jobs[1:]:
        batcher.submit(each)
    for _ in jobs:
        assert done.acquire(timeout=5)
    assert [each.failure and each.failure.status for each in jobs] == [None, 503, 503]
    assert batcher.depth()[:2] == (0, 0)


def test_work_that_is_withdrawn_is_never_run(make: Callable[..., Batcher], stand_in: ModuleType) -> None:
    engine = stand_in.KeywordEngine()
    batcher, predictor = make(workers=1, started=False), stand_in.keyword_predictor(engine)
    gone = job(predictor, ["soup"] * 5, ("topic",), lambda _: None)
    batcher.submit(gone)
    batcher.withdraw(gone)
    assert batcher.depth() == (0, 0, 0.0)
    batcher.start()
    answered(batcher, predictor, ["Ada"], ("mood",))
    assert engine.asked == [("mood",)]


def test_a_text_that_breaks_the_model_fails_alone(make: Callable[..., Batcher], stand_in: ModuleType) -> None:
    predictor = stand_in.keyword_predictor()
    batcher = make(workers=1, started=False)
    done = threading.Semaphore(0)
    jobs = [job(predictor, [word], ("topic",), lambda _: done.release()) for word in ("soup", "poison", "goal")]
    for each in jobs:
        batcher.submit(each)
    batcher.start()
    for _ in jobs:
        assert done.acquire(timeout=5)
    assert [each.failure is None for each in jobs] == [True, False, True]
    assert "poison" not in str(jobs[1].failure)


def test_a_panic_of_the_tokenizer_is_the_requests_fault_and_not_the_workers_end(
    make: Callable[..., Batcher], stand_in: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    class PanicError(BaseException):
        pass

    batcher, predictor, broken = make(workers=1), stand_in.keyword_predictor(), stand_in.keyword_predictor()

    def panic(*_: Any) -> None:
        raise PanicError

    monkeypatch.setattr(broken, "tokenize", panic)
    failure = answered(batcher, broken, ["soup"]).failure
    assert failure is not None
    assert failure.status == 422
    assert answered(batcher, predictor, ["soup"]).failure is None
