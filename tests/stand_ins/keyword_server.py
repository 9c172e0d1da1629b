"""A server around a model without an encoder: it reads topics, moods and entities off single words.

Tests import it by its path, or start it as a process: `python keyword_server.py '{"port": 8000, …}'`.
"""

import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers, processors

from polyhead.errors import FolderError
from polyhead.runtime.predictor import EngineOutputs, Predictor
from polyhead.serving.app import LOCAL_HOSTS, Access, create_app
from polyhead.serving.batcher import Batcher
from polyhead.serving.collect import Collector
from polyhead.serving.journal import log_to_stderr
from polyhead.serving.keys import Keys, read_keys
from polyhead.serving.limits import Limits
from polyhead.serving.metrics import Meter
from polyhead.serving.models import Models, named_folders
from polyhead.serving.server import Server
from polyhead.serving.service import Service
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities
from polyhead.text.tokens import TextTokenizer, TokenBatch

SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
TOPICS = {"goal": 0, "match": 0, "soup": 1, "bread": 1, "vote": 2}
MOODS = {"great": 0, "awful": 1}
PEOPLE = ["Ada", "Milo", "عمر", "דנה", "José"]
PLACES = ["Paris", "Oslo", "دبي"]
FILLERS = ["the", "had", "a", "and", "in", "slow", "poison", ".", ",", "🙂"]
VOCABULARY = [*SPECIAL, *TOPICS, *MOODS, *PEOPLE, *PLACES, *FILLERS]
NUMBER = {word: number for number, word in enumerate(VOCABULARY)}
TASKS = {
    "topic": Classification(labels=("sport", "food", "politics")),
    "mood": Classification(labels=("good", "bad")),
    "entities": Entities(labels=("PERSON", "LOC")),
}


class KeywordEngine:
    """Answers by the words of a table, in float64 sums that no neighbour in the batch can change.

    Args:
        seconds: how long a pass takes.
        seconds_a_token: how much longer each padded token makes it.
        tilt: added to every first label, so that two models can be told apart.
    """

    def __init__(self, *, seconds: float = 0.0, seconds_a_token: float = 0.0, tilt: float = 0.0) -> None:
        self.seconds, self.seconds_a_token, self.tilt = seconds, seconds_a_token, tilt
        self.asked: list[tuple[str, ...]] = []
        self.shapes: list[tuple[int, int]] = []

    def run(self, batch: TokenBatch, tasks: Sequence[str]) -> EngineOutputs:
        self.asked.append(tuple(tasks))
        self.shapes.append((batch.ids.shape[0], batch.ids.shape[1]))
        if NUMBER["poison"] in batch.ids:
            message = "poison in " + " ".join(batch.texts)
            raise ValueError(message)
        slow = NUMBER["slow"] in batch.ids
        time.sleep(self.seconds + self.seconds_a_token * batch.ids.size + (0.5 if slow else 0.0))
        logits: dict[str, Any] = {}
        for name, table, labels in (("topic", TOPICS, 3), ("mood", MOODS, 2)):
            logits[name] = np.zeros((len(batch.texts), labels))
            logits[name][:, 0] += self.tilt
            for word, label in table.items():
                logits[name][:, label] += 2.0 * (batch.ids == NUMBER[word]).sum(axis=1)
        tags = np.zeros((*batch.ids.shape, 5))
        tags[..., 0] = 3
        for first, words in ((1, PEOPLE), (3, PLACES)):
            tags[..., first] = np.where(np.isin(batch.ids, [NUMBER[word] for word in words]), 7, -7)
            tags[..., first + 1] = -7
        logits["entities"] = tags
        counts = np.stack([(batch.ids == number).sum(axis=1) for number in range(4, 20)], axis=1).astype(np.float32)
        return EngineOutputs({name: logits[name] for name in tasks}, counts)


def keyword_predictor(engine: KeywordEngine | None = None) -> Predictor:
    inner = Tokenizer(models.WordLevel(dict(NUMBER), unk_token="[UNK]"))
    inner.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    inner.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    tokenizer = TextTokenizer(inner, max_tokens=64, padding_id=0, filler_id=2)
    return Predictor(tasks=TASKS, tokenizer=tokenizer, engine=engine or KeywordEngine())


def load(folder: Path) -> Predictor:
    """Open a folder whose manifest holds the settings of the engine."""
    try:
        settings = json.loads((folder / "polyhead.json").read_text())
    except (OSError, ValueError) as error:
        message = f"{folder} is no model folder: polyhead.json cannot be read."
        raise FolderError(message) from error
    return keyword_predictor(KeywordEngine(**settings))


def make_service(
    folders: Sequence[str],
    *,
    limits: Limits | None = None,
    loader: Callable[[Path], Predictor] = load,
    workers: int = 2,
    collector: Collector | None = None,
) -> Service:
    chosen, meter = limits or Limits(), Meter()
    batcher = Batcher(workers=workers, budget=256, limits=chosen, meter=meter)
    return Service(Models(named_folders(folders), loader), batcher, chosen, meter, collector)


def main(settings: dict[str, Any]) -> None:
    log_to_stderr()
    admin = Path(settings["admin_key_file"]) if "admin_key_file" in settings else None
    users = Path(settings["key_file"]) if "key_file" in settings else None
    keys = Keys(read_keys(users) if users else (), read_keys(admin) if admin else ())
    service = make_service(
        settings["models"], limits=Limits(**settings.get("limits", {})), workers=settings.get("workers", 2)
    )
    access = Access(keys=keys, hosts=LOCAL_HOSTS)
    app = create_app(service, access)
    notice = settings.get("notice_seconds", 0.0)
    Server(app, service, host="127.0.0.1", port=settings["port"], notice_seconds=notice).serve_until_stopped()


if __name__ == "__main__":
    main(json.loads(sys.argv[1]))
