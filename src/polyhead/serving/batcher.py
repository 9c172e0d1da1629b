"""A pool of threads that tokenizes, runs and decodes; texts of different requests share a pass of the encoder."""

from collections import deque
from collections.abc import Sequence
from threading import Condition, Thread
from time import perf_counter

from polyhead.serving.job import Job, characters_of
from polyhead.serving.journal import log_failure
from polyhead.serving.limits import Limits
from polyhead.serving.metrics import Meter
from polyhead.serving.pace import Pace
from polyhead.serving.passes import run_pass
from polyhead.serving.refusals import RefusedError, failed, overloaded, too_much
from polyhead.serving.waiting import WaitingText, WaitingTexts

AGE_SECONDS = 0.5
"""How long a text lets others go first, whatever their lengths."""

MARGIN = 0.5
"""The share of the longest wait that may be promised to a request that comes; the rest is for what is not foreseen."""


class Batcher:
    """Answers jobs with a worker a core, by a budget of tokens, without a delay when there is nothing to do.

    A worker takes a text to tokenize first and a batch to run when there is none, so that batches are formed from
    everything that waits. Shorter texts go first, longer ones when they have waited in proportion to their length, and
    after `AGE_SECONDS` at the latest.

    Args:
        workers: threads, each of which keeps one core busy.
        budget: padded tokens of a batch.
        limits: how much may wait, and how long.
        meter: is told about every pass.
    """

    def __init__(self, *, workers: int, budget: int, limits: Limits, meter: Meter) -> None:
        self._limits = limits
        self._meter = meter
        self._pace = Pace(workers)
        self._workers = workers
        self._budget = budget
        self._changed = Condition()
        self._raw: deque[Job] = deque()
        self._raw_texts = 0
        self._raw_characters = 0
        self._waiting: WaitingTexts[Job] = WaitingTexts(budget=budget, age_seconds=AGE_SECONDS)
        self._idle = 0
        self._stopping = False
        meter.watch(self.depth)
        self._threads = [Thread(target=self._work, name=f"inference-{i}", daemon=True) for i in range(workers)]

    def start(self) -> None:
        """Start the workers."""
        for thread in self._threads:
            thread.start()

    def stop(self) -> None:
        """Let each worker finish its pass, and fail what still waits."""
        with self._changed:
            self._stopping = True
            self._changed.notify_all()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join()

    def submit(self, job: Job) -> None:
        """Let a job wait for its turn; its `deliver` tells when it is done.

        Raises:
            RefusedError: more waits than can be answered in time.
        """
        with self._changed:
            texts = self._raw_texts + self._waiting.texts
            wait = self._pace.seconds_for(self._waiting.tokens, self._raw_characters)
            # Its own size does not count here: limits bound it, and `too_much` judges it once its tokens are known.
            if texts and (
                texts + len(job.texts) > self._limits.queue_texts or wait > self._limits.queue_seconds * MARGIN
            ):
                raise overloaded(wait)
            self._raw.append(job)
            self._count_raw(job, 1)
            self._changed.notify()

    def withdraw(self, job: Job) -> None:
        """Take a job out of the queue: nobody waits for it any more."""
        with self._changed:
            self._withdraw(job)

    def too_much(self, job: Job) -> RefusedError | None:
        """Say why a request is refused that could not be answered in time if it were alone, once the speed is known."""
        allowed = self._limits.request_seconds
        with self._changed:
            needed = self._pace.seconds_for(job.tokens) if self._pace.known else 0.0
        return too_much(allowed) if needed > allowed else None

    def depth(self) -> tuple[int, int, float]:
        """Tell how many texts and tokens wait, and for how many seconds the oldest has."""
        with self._changed:
            oldest = self._waiting.oldest()
            since = [item.since for item in (oldest,) if item is not None] + [job.came for job in list(self._raw)[:1]]
            age = perf_counter() - min(since) if since else 0.0
            return self._raw_texts + self._waiting.texts, self._waiting.tokens, age

    def _work(self) -> None:
        while True:
            with self._changed:
                while not (self._raw or self._waiting or self._stopping):
                    self._idle += 1
                    self._pace.watch(perf_counter(), busy=False)
                    self._changed.wait()
                    self._idle -= 1
                if self._stopping:
                    return
                now = perf_counter()
                self._pace.watch(now, busy=not self._idle)
                late = self._late(now)
                job = self._raw.popleft() if self._raw else None
                if job is not None:
                    self._count_raw(job, -1)
                batch = [] if job is not None else self._taken()
            for expired in late:
                self._finish(expired, overloaded(self._limits.queue_seconds))
            if job is not None:
                self._tokenize(job)
            if batch:
                self._run(batch)

    def _taken(self) -> list[WaitingText[Job]]:
        """Take the next batch, and wake a worker for what is left."""
        batch = self._waiting.take(perf_counter(), workers=self._workers, cost=self._pace.cost)
        for item in batch:
            item.owner.begun = True
        if self._idle and self._waiting:
            self._changed.notify()
        return batch

    def _late(self, now: float) -> list[Job]:
        """Take out the jobs that are not begun and would not be answered in time if they were now."""
        late: list[Job] = []
        allowed = self._limits.queue_seconds
        # A model so slow that one pass takes all of it still answers when nothing else is there.
        longest = max(allowed - self._pace.cost.seconds(self._budget), allowed * MARGIN)
        while (oldest := self._waiting.oldest()) and not oldest.owner.begun:
            if now - oldest.since <= longest:
                break
            late.append(oldest.owner)
            self._waiting.drop(oldest.owner)
        return late

    def _tokenize(self, job: Job) -> None:
        if job.done:
            return
        begun = perf_counter()
        try:
            job.tokenized = job.predictor.tokenize(job.texts, job.tasks)
        except BaseException as error:  # noqa: BLE001  the tokenizer's library panics with a BaseException of its own
            log_failure("tokenize", error)
            self._finish(
                job, RefusedError(422, "`texts` must be readable by the model's tokenizer. One of them is not.")
            )
            return
        job.spend("tokenize", perf_counter() - begun)
        if (refusal := self.too_much(job)) is not None:
            self._finish(job, refusal)
            return
        line = id(job.predictor)
        items = [WaitingText(job, index, len(item), line, job.came) for index, item in enumerate(job.tokenized)]
        with self._changed:
            if not job.done:
                self._waiting.add(items)
            if len(items) > 1:
                self._changed.notify_all()

    def _run(self, batch: Sequence[WaitingText[Job]]) -> None:
        try:
            timing = run_pass(batch)
        except Exception as error:  # noqa: BLE001  one text must not take the others of its batch with it
            log_failure("run", error)
            if len(batch) == 1:
                self._finish(batch[0].owner, failed())
                return
            for item in batch:
                self._run([item])
            return
        self._meter.see_pass(timing)
        with self._changed:
            self._pace.depart(perf_counter(), timing.tokens, timing.run + timing.decode)
            self._pace.learn_cost(timing.padded, timing.worker)
            for item in batch:
                item.owner.missing -= 1
            whole = [owner for owner in {item.owner for item in batch} if not owner.missing]
        for job in whole:
            self._finish(job)

    def _finish(self, job: Job, failure: RefusedError | None = None) -> None:
        with self._changed:
            if job.done:
                return
            job.failure = failure
            self._withdraw(job)
        job.deliver(job)

    def _withdraw(self, job: Job) -> None:
        job.done = True
        if job in self._raw:
            self._raw.remove(job)
            self._count_raw(job, -1)
        elif job.missing:
            self._waiting.drop(job)

    def _count_raw(self, job: Job, sign: int) -> None:
        self._raw_texts += sign * len(job.texts)
        self._raw_characters += sign * sum(map(characters_of, job.texts))
