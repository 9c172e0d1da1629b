"""Answers a second of one shared encoder, beside what people run today; ratios only.

    python benchmarks/inference.py --shape minilm

Weights are random, since only speed is measured; the entities heads lean towards "no entity", so that texts have about
as many entities as real ones. All ways run in one process and on one thread, one after the other in every repeat, and
are compared on the medians of their CPU seconds.
"""

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

# Before torch is imported: it reads its number of threads once.
os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}

import numpy as np
import onnx
import torch
import transformers
from onnx import TensorProto, helper, numpy_helper
from sentence_transformers import SentenceTransformer
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

import polyhead
from polyhead.export.exporting import export_model
from polyhead.model.engine import TorchEngine
from polyhead.runtime.engine import Engine
from polyhead.runtime.names import GRAPHS
from polyhead.runtime.predictor import Predictor
from polyhead.runtime.session import OnnxEngine, open_session
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities
from polyhead.text.tokens import TextTokenizer, TokenBatch

VOCABULARY = 30522
LONGEST = 512
SHAPES = {
    "minilm": {"hidden_size": 384, "num_hidden_layers": 6, "num_attention_heads": 12, "intermediate_size": 1536},
    "bge-small": {"hidden_size": 384, "num_hidden_layers": 12, "num_attention_heads": 12, "intermediate_size": 1536},
    "bge-large": {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096},
    "tiny": {"hidden_size": 64, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 128},
}
TASKS: Mapping[str, Task] = {
    "topic": Classification(labels=("a", "b", "c", "d", "e", "f")),
    "mood": Classification(labels=("good", "bad", "none")),
    "names": Entities(labels=("PERSON", "LOC", "ORG", "DATE")),
}
FURTHER: Mapping[str, Task] = {"urgency": Classification(labels=("now", "later")), "slots": Entities(labels=("A", "B"))}
LEANING = 4.0
"""Added to the logit of "no entity"."""

Way = Callable[[], object]


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

    def predictor(self, engine: Engine, **settings: int) -> Predictor:
        """Make a predictor for the shared model."""
        return Predictor(tasks=self.model.tasks, tokenizer=self.model.tokenizer, engine=engine, **settings)


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


def mixed_lengths(count: int) -> list[int]:
    """Draw tokens a text: lognormal, median 22, 95 % below about 83, at most 410."""
    drawn = np.random.default_rng(0).lognormal(np.log(22), 0.807, count)
    return np.clip(drawn.round(), 4, 410).astype(int).tolist()


def prepared(shape: str, count: int, folder: Path) -> Work:
    """Make a model of random weights and export it."""
    lines = (files("polyhead") / "demo" / "train.jsonl").read_text(encoding="utf-8").splitlines()
    sentences = [line.split('"')[3] for line in lines]
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
        for name in ("names", "slots"):
            model.head(name)[-1].bias[0] += LEANING
    model.save_pretrained(folder / "model")
    export_model(folder / "model", int8=True, allow_loss=True)
    texts = make_texts(sentences, tokenizer, mixed_lengths(count))
    return Work(texts, make_texts(sentences, tokenizer, [128] * max(2, count // 5)), model, folder / "model")


def pipelines(work: Work, size: int) -> Way:
    """Run three fine-tuned models behind three pipelines."""
    tokenizer = transformers.AutoTokenizer.from_pretrained(work.folder)
    tokenizer.model_max_length = LONGEST
    made = []
    for task in TASKS.values():
        words = task.level == "words"
        kind = transformers.BertForTokenClassification if words else transformers.BertForSequenceClassification
        settings = transformers.BertConfig(**{**work.model.encoder.config.to_dict(), "num_labels": task.outputs})
        alone = kind(settings).eval()
        if words:
            alone.classifier.bias.data[0] += LEANING
        options = {"aggregation_strategy": "simple"} if words else {}
        name = "token-classification" if words else "text-classification"
        made.append(transformers.pipeline(name, model=alone, tokenizer=tokenizer, device="cpu", **options))
    return lambda: [list(each(list(work.texts), batch_size=size)) for each in made]


def arrival_order(work: Work) -> Way:
    """Run one shared encoder over batches of 32 as the texts come."""
    predictor = work.predictor(TorchEngine(work.model))
    names = tuple(TASKS)

    def run() -> None:
        for begin in range(0, len(work.texts), 32):
            found = predictor.run(predictor.tokenize(work.texts[begin : begin + 32], names), names)
            predictor.answers(found, [names] * len(found.tokenized))

    return run


def separate(work: Work) -> Way:
    """Run three models of one task each in our own engine."""
    made = [work.predictor(OnnxEngine(work.folder / GRAPHS["onnx"])) for _ in TASKS]
    return lambda: [each.predict(work.texts, [name]) for each, name in zip(made, TASKS, strict=True)]


def bare(work: Work, graph: str) -> Way:
    """Run the session alone, on full batches of equal lengths that hold as many tokens as the texts."""
    engine = OnnxEngine(work.folder / GRAPHS[graph])
    tokens = sum(len(text) for text in work.model.tokenizer.tokenize(work.texts, words=False))
    ids = np.full((16, 32), 7, dtype=np.int64)
    batch = TokenBatch(
        texts=("",) * 16, ids=ids, mask=ids > 0, words=None, borders=None, truncated=np.zeros(16, dtype=bool)
    )
    return lambda: [engine.run(batch, tuple(TASKS)) for _ in range(max(1, round(tokens / ids.size)))]


def peak_multiply(operations: float) -> tuple[Way, Way]:
    """Multiply large float32 matrices, for as many operations as the encoder needs: with torch and with onnxruntime."""
    rows, width = 512, 1024
    left, right = torch.randn(rows, width), torch.randn(width, width)
    graph = helper.make_graph(
        [helper.make_node("MatMul", ["a", "b"], ["c"])],
        "peak",
        [helper.make_tensor_value_info("a", TensorProto.FLOAT, [rows, width])],
        [helper.make_tensor_value_info("c", TensorProto.FLOAT, [rows, width])],
        [numpy_helper.from_array(right.numpy(), "b")],
    )
    session = open_session(
        helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9).SerializeToString()
    )
    times = max(1, round(operations / (2 * rows * width * width)))
    feeds = {"a": left.numpy()}
    return (
        lambda: [torch.mm(left, right) for _ in range(times)],
        lambda: [session.run(["c"], feeds) for _ in range(times)],
    )


def operations(work: Work) -> float:
    """Count what the encoder must multiply and add for the texts, without padding."""
    settings = work.model.encoder.config
    lengths = np.array([len(text) for text in work.model.tokenizer.tokenize(work.texts, words=False)], dtype=np.float64)
    width, inner = settings.hidden_size, settings.intermediate_size
    dense = lengths.sum() * (8 * width**2 + 4 * width * inner)
    return float(settings.num_hidden_layers * (dense + 4 * width * (lengths**2).sum()))


def ways(work: Work, sizes: Sequence[int]) -> dict[str, Way]:
    """List everything that is measured."""
    float32, int8 = (work.predictor(OnnxEngine(work.folder / GRAPHS[name])) for name in ("onnx", "onnx-int8"))
    torch_engine = work.predictor(TorchEngine(work.model))
    sentences = SentenceTransformer(str(work.folder), device="cpu")
    names = list(TASKS)
    with_torch, with_onnxruntime = peak_multiply(operations(work))
    return {
        **{f"three pipelines, batch {size}": pipelines(work, size) for size in sizes},
        "three models in our engine (ONNX)": separate(work),
        "shared, arrival order, batch 32 (torch)": arrival_order(work),
        "sentence-transformers encode": lambda: sentences.encode(list(work.texts), show_progress_bar=False),
        "ours, torch": lambda: torch_engine.predict(work.texts, names),
        "ours, ONNX float32": lambda: float32.predict(work.texts, names),
        "ours, ONNX int8": lambda: int8.predict(work.texts, names),
        "ours, ONNX float32, to JSON": lambda: [answer.to_json() for answer in float32.predict(work.texts, names)],
        "bare session, float32": bare(work, "onnx"),
        "bare session, int8": bare(work, "onnx-int8"),
        "GEMM float32, torch": with_torch,
        "GEMM float32, onnxruntime": with_onnxruntime,
        "texts of 128 tokens, float32": lambda: float32.predict(work.fixed, names),
        "texts of 128 tokens, int8": lambda: int8.predict(work.fixed, names),
        "one task, float32": lambda: float32.predict(work.texts, ["topic"]),
        "a further classification, float32": lambda: float32.predict(work.texts, [*names, "urgency"]),
        "a further entities, float32": lambda: float32.predict(work.texts, [*names, "slots"]),
    }


def measured(found: Mapping[str, Way], repeats: int) -> dict[str, tuple[float, float]]:
    """Run all ways in turn, and return the median CPU seconds and the median wall seconds of each."""
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in found}
    for repeat in range(repeats + 1):
        for name, way in found.items():
            wall, processor = time.perf_counter(), time.process_time()
            way()
            if repeat:
                seconds[name].append((time.process_time() - processor, time.perf_counter() - wall))
        print(f"repeat {repeat} of {repeats} done", file=sys.stderr)
    return {name: tuple(np.median(np.array(of), axis=0).tolist()) for name, of in seconds.items()}


def same_labels(work: Work) -> float:
    """Return the share of texts for which float32 ONNX and torch answer alike."""
    answers: list[list[Any]] = []
    for engine in (TorchEngine(work.model), OnnxEngine(work.folder / GRAPHS["onnx"])):
        found = work.predictor(engine).predict(work.texts, list(TASKS))
        spans = [[(span.start, span.end, span.label) for span in answer["names"].spans] for answer in found]
        answers.append([(a["topic"].label, a["mood"].label, of) for a, of in zip(found, spans, strict=True)])
    return float(np.mean([left == right for left, right in zip(*answers, strict=True)]))


def show(work: Work, seconds: Mapping[str, tuple[float, float]], base: str) -> None:
    """Print the table and the numbers that follow from it."""
    peak = min(seconds["GEMM float32, torch"][0], seconds["GEMM float32, onnxruntime"][0])
    cpu = {name: of[0] for name, of in seconds.items()}
    print(f"\n| way | times {base} (CPU) | (wall) | % of the float32 GEMM peak |\n|---|---|---|---|")
    for name, (processor, wall) in seconds.items():
        ratios = f"{cpu[base] / processor:.1f} | {seconds[base][1] / wall:.1f}"
        print(f"| {name} | {ratios} | {100 * peak / processor:.0f} |")
    tokenizer = work.model.tokenizer
    mixed, fixed = (sum(map(len, tokenizer.tokenize(each, words=False))) for each in (work.texts, work.fixed))
    print(f"\nTexts with the same labels in torch and float32 ONNX: {100 * same_labels(work):.1f} %")
    apart = cpu["three models in our engine (ONNX)"] / cpu["ours, ONNX float32"]
    print(f"One shared pass against three models in our engine: {apart:.2f}")
    print(f"int8 against float32: {cpu['ours, ONNX float32'] / cpu['ours, ONNX int8']:.2f}")
    for word in ("float32", "int8"):
        ours, even = cpu[f"ours, ONNX {word}"], cpu[f"texts of 128 tokens, {word}"]
        print(f"{word}, mixed against fixed lengths, a real token: {ours / mixed / (even / fixed):.2f}")
        print(f"{word}, ours against the bare session: {ours / cpu[f'bare session, {word}']:.2f}")
    for name in ("classification", "entities"):
        more = cpu[f"a further {name}, float32"] / cpu["ours, ONNX float32"]
        print(f"A further {name} head: {100 * (more - 1):+.1f} %")


def main() -> None:
    """Measure one shape."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", choices=SHAPES, default="minilm")
    parser.add_argument("--texts", type=int, default=192)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--pipeline-batches", type=int, nargs="*", default=[1, 8, 32])
    options = parser.parse_args()
    torch.set_num_threads(1)
    transformers.logging.set_verbosity_error()
    with tempfile.TemporaryDirectory() as folder:
        work = prepared(options.shape, options.texts, Path(folder))
        seconds = measured(ways(work, options.pipeline_batches), options.repeats)
        show(work, seconds, f"three pipelines, batch {options.pipeline_batches[-1]}")


if __name__ == "__main__":
    main()
