"""The program run in this process, and a predictor that needs no training."""

import io
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pytest
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import Whitespace

from polyhead.cli.app import main
from polyhead.runtime.predictor import EngineOutputs, Predictor
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities
from polyhead.text.tokens import TextTokenizer, TokenBatch


@dataclass(frozen=True)
class Finished:
    """How a run of the program ended."""

    status: int
    out: str
    err: str


Run = Callable[..., Finished]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    def call(*words: object, stdin: bytes = b"") -> Finished:
        monkeypatch.setattr(sys, "argv", ["polyhead", *map(str, words)])
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        status = 0
        try:
            main()
        except SystemExit as exit_:
            status = int(exit_.code or 0)
        written = capsys.readouterr()
        return Finished(status, written.out, written.err)

    return call


class CapitalEngine:
    """Finds that words with a capital are names, and that texts of two words or more are long."""

    def run(self, batch: TokenBatch, tasks: Sequence[str]) -> EngineOutputs:
        lengths = batch.mask.sum(axis=1)
        topic = np.stack([2.0 - lengths, lengths - 2.0], axis=1)
        entities = np.zeros((*batch.mask.shape, 3))
        for row, text in enumerate(batch.texts):
            if batch.words is None or batch.borders is None:
                continue
            for token in np.flatnonzero(batch.words[row]):
                entities[row, token, 1] = 9.0 if text[batch.borders[row, token, 0]].isupper() else -9.0
                entities[row, token, 2] = -9.0
        logits = {"topic": topic, "people": entities}
        return EngineOutputs({name: logits[name] for name in tasks}, np.zeros((len(batch.texts), 2)))


@pytest.fixture
def predictor() -> Predictor:
    tokenizer = Tokenizer(WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = Whitespace()  # pyright: ignore[reportAttributeAccessIssue]
    return Predictor(
        tasks={"topic": Classification(labels=("short", "long")), "people": Entities(labels=("PERSON",))},
        tokenizer=TextTokenizer(tokenizer, max_tokens=8, padding_id=0, filler_id=0),
        engine=CapitalEngine(),
    )


@pytest.fixture
def model(predictor: Predictor, monkeypatch: pytest.MonkeyPatch) -> str:
    """Name a folder that opens as the predictor."""
    monkeypatch.setattr("polyhead.loading.load", lambda folder, **settings: predictor)  # noqa: ARG005
    return "model"
