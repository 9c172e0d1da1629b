"""What `inference.py` measures on: texts with the lengths of real ones, and a model of random weights, exported."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
import transformers
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

import polyhead
from polyhead.export.exporting import export_model
from polyhead.loading import open_graph
from polyhead.runtime.engine import Engine
from polyhead.runtime.names import GRAPHS
from polyhead.runtime.predictor import Predictor
from polyhead.tasks.base import HeadTask, Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities
from polyhead.text.tokens import TextTokenizer

Way = Callable[[], object]
VOCABULARY = 30522
LONGEST = 512
SHAPES: Mapping[str, Mapping[str, Any]] = {
    "minilm": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    "bge-small": {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 1536},
    "bge-base": {"hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 3072},
    "bge-large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
    "tiny": {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 128},
}
TASKS: Mapping[str, HeadTask] = {
    "topic": Classification(labels=("a", "b", "c", "d", "e", "f")),
    "mood": Classification(labels=("good", "bad", "none")),
    "names": Entities(labels=("PERSON", "LOC", "ORG", "DATE")),
}
FURTHER: Mapping[str, Task] = {"urgency": Classification(labels=("now", "later")), "slots": Entities(labels=("A", "B"))}
LEANINGS = {"names": 1.4, "slots": 2.0}
"""Added to the logit of "no entity", so that a text has about one entity."""

LEANING = 4.0
"""The same for a pipeline, which takes each token's best tag."""


@dataclass(frozen=True, slots=True)
class Work:
    """What is measured on.

    Args:
        texts: with lengths as those of real texts.
        fixed: texts of 128 tokens.
        model: the shared model, with two tasks that only single rows of the table ask.
        folder: where it lies, exported.
    """

    texts: Sequence[str]
    fixed: Sequence[str]
    model: polyhead.MultiTaskModel
    folder: Path

    def predictor(self, engine: Engine) -> Predictor:
        """Make a predictor for the shared model."""
        return Predictor(tasks=self.model.tasks, tokenizer=self.model.tokenizer, engine=engine)

    def exported(self, engine: str) -> Predictor:
        """Make a predictor that runs a graph of the folder."""
        return self.predictor(open_graph(engine, self.folder / GRAPHS[engine]))

    def lengths(self, texts: Sequence[str]) -> np.ndarray:
        """Count the tokens of texts, shape `(texts,)`."""
        return np.array([len(text) for text in self.model.tokenizer.tokenize(texts, words=False)], dtype=np.int64)

    def operations(self) -> float:
        """Count what the encoder must multiply and add for the texts, without padding."""
        settings, lengths = self.model.encoder.config, self.lengths(self.texts).astype(np.float64)
        width, inner = settings.hidden_size, settings.intermediate_size
        dense = lengths.sum() * (8 * width**2 + 4 * width * inner)
        return float(settings.num_hidden_layers * (dense + 4 * width * (lengths**2).sum()))


def sentences_of_demo() -> list[str]:
    """Return real sentences that come with the package."""
    lines = (files("polyhead") / "demo" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    return [str(json.loads(line)["text"]) for line in lines]


def prepared(shape: str, count: int, folder: Path, *, export: bool = True, openvino: bool = False) -> Work:
    """Make a model of random weights, and export it if that is asked."""
    sentences = sentences_of_demo()
    tokenizer = make_tokenizer(sentences)
    torch.manual_seed(0)
    configuration = transformers.BertConfig(vocab_size=VOCABULARY, **SHAPES[shape])
    model = polyhead.MultiTaskModel(
        encoder=transformers.BertModel(configuration, add_pooling_layer=False),
        tokenizer=TextTokenizer(tokenizer, max_tokens=LONGEST, padding_id=0, filler_id=2),
        tasks={**TASKS, **FURTHER},
        pooling="mean",
        projection=None,
    ).eval()
    with torch.no_grad():
        for name, leaning in LEANINGS.items():
            cast("torch.nn.Linear", cast("torch.nn.Sequential", model.head(name))[-1]).bias[0] += leaning
    model.save_pretrained(folder / "model")
    if export:
        export_model(folder / "model", int8=True, openvino=openvino, allow_loss=True)
    texts = make_texts(sentences, tokenizer, mixed_lengths(count))
    return Work(texts, make_texts(sentences, tokenizer, [128] * max(2, count // 5)), model, folder / "model")


def pipelines(work: Work, size: int, *, device: str = "cpu", dtype: torch.dtype = torch.float32) -> Way:
    """Run three fine-tuned models behind three pipelines."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(work.folder)
    tokenizer.model_max_length = LONGEST
    made: list[Callable[..., Any]] = []
    for task in TASKS.values():
        words = task.level == "words"
        kind: Any = transformers.BertForTokenClassification if words else transformers.BertForSequenceClassification
        settings = transformers.BertConfig.from_dict(
            {**work.model.encoder.config.to_dict(), "num_labels": task.outputs}
        )
        alone = kind(settings).eval().to(dtype)
        if words:
            alone.classifier.bias.data[0] += LEANING
        options: dict[str, Any] = {"aggregation_strategy": "simple"} if words else {}
        name: Any = "token-classification" if words else "text-classification"
        made.append(transformers.pipeline(name, model=alone, tokenizer=tokenizer, device=device, **options))
    return lambda: [list(each(list(work.texts), batch_size=size)) for each in made]


def mixed_lengths(count: int) -> list[int]:
    """Draw tokens a text: lognormal, median 22, 95 % below about 83, at most 410."""
    drawn = np.random.default_rng(0).lognormal(np.log(22), 0.807, count)
    return np.clip(drawn.round(), 4, 410).astype(int).tolist()


def told(work: Work, batch: int) -> str:
    """Say what the lengths of the texts are, and what batches as they come pad them to."""
    lengths = work.lengths(work.texts)
    starts = range(0, len(lengths), batch)
    padded = sum(int(lengths[row : row + batch].max()) * len(lengths[row : row + batch]) for row in starts)
    median, most = np.percentile(lengths, [50, 95])
    sizes = f"median {median:.0f} tokens, 95 % below {most:.0f}, at most {lengths.max()}"
    waste = f"in batches of {batch} as they come, {padded / lengths.sum():.2f} padded tokens a real one"
    return f"{len(lengths)} texts: {sizes}; {waste}"


def make_tokenizer(sentences: Sequence[str]) -> Tokenizer:
    """Train a WordPiece tokenizer as BERT has it."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))  # noqa: S106  no secret
    tokenizer.normalizer, tokenizer.pre_tokenizer = normalizers.BertNormalizer(), pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    trainer = trainers.WordPieceTrainer(vocab_size=VOCABULARY, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(sentences, trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    return tokenizer


def make_texts(sentences: Sequence[str], tokenizer: Tokenizer, lengths: Sequence[int]) -> list[str]:
    """Cut texts of given numbers of tokens out of sentences, one after the other."""
    text = " ".join(sentences) * 40
    texts, begin = [], 0
    for length in lengths:
        encoding = tokenizer.encode(text[begin : begin + 12 * length + 40])
        cut = encoding.offsets[min(length, len(encoding.offsets)) - 2][1]
        texts.append(text[begin : begin + cut].strip())
        begin = (begin + cut) % (len(text) // 2)
    return texts
