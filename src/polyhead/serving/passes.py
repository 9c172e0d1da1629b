"""One pass of the encoder for texts of several requests: the union of their heads, to each its own answers."""

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter, thread_time

from polyhead.serving.job import Job
from polyhead.serving.waiting import WaitingText


@dataclass(frozen=True, slots=True)
class PassTiming:
    """What a pass cost.

    Args:
        texts: rows of the batch.
        tokens: real tokens of the batch.
        padded: tokens that the encoder read, padding included.
        waits: seconds that each text waited.
        run: seconds in the engine.
        decode: seconds for decoding and for writing the answers.
        worker: seconds of the worker's own thread for all of it, without those of others that shared its core.
    """

    texts: int
    tokens: int
    padded: int
    waits: tuple[float, ...]
    run: float
    decode: float
    worker: float


def run_pass(batch: Sequence[WaitingText[Job]]) -> PassTiming:
    """Run the encoder over a batch, and put each text's result into its job."""
    begun, spent = perf_counter(), thread_time()
    asked = [item.owner.tasks for item in batch]
    union = tuple(dict.fromkeys(name for names in asked for name in names))
    predictor = batch[0].owner.predictor
    found = predictor.run([item.owner.tokenized[item.index] for item in batch], union)
    ran = perf_counter()
    answers = predictor.answers(found, asked)
    for item, answer, embedding in zip(batch, answers, found.outputs.embedding, strict=True):
        item.owner.results[item.index] = item.owner.form(answer, embedding)
    ended = perf_counter()
    for owner in {item.owner for item in batch}:
        owner.spend("run", ran - begun)
        owner.spend("decode", ended - ran)
        owner.seconds["queue"] = begun - owner.came - owner.seconds.get("tokenize", 0.0)
    return PassTiming(
        texts=len(batch),
        tokens=int(found.batch.mask.sum()),
        padded=found.batch.mask.size,
        waits=tuple(begun - item.since for item in batch),
        run=ran - begun,
        decode=ended - ran,
        worker=thread_time() - spent,
    )
