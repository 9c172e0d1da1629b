"""Pretrain the architecture of `compact` on plain English text, as a masked language model.

    python pretraining/pretrain.py --corpus FOLDER_OR_FILES --output runs/english --minutes 25

Writes `OUTPUT/encoder`, which a recipe opens: `[encoder] name = "OUTPUT/encoder"`. Beside it are `log.jsonl`, the
tokenised text and, until it is done, checkpoints: started again with the same arguments, it goes on from the newest
whole one. The text is `.txt` or `.txt.xz`, one passage a line, each file listed with source and licence in a
`SOURCE.md` beside it.

Sizes in half precision, with 12,000 tokens: 3 layers of width 256, the default, 10.0 MB; 4 of 256, 11.1 MB; 6 of 256,
13.2 MB; 6 of 320, 18.6 MB; 4 of 384, 20.2 MB; 6 of 384, 25.0 MB, which is the most that is let through.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from batches import HIDDEN, MASKED, ROW, SWAPPED, BatchSource
from corpus import Corpus, Source, find_sources, prepare, table
from loop import BETAS, DECAY, WARMUP, Log, Loop, Pauses, Settings
from network import Shape, build
from writing import write_card, write_encoder

from polyhead.errors import PolyheadError, UsageError
from polyhead.training.checkpoints import CheckpointStore
from polyhead.training.interruption import interruptible

ENCODER, TEXT, CHECKPOINTS, LOG, ARGUMENTS = "encoder", "text", "checkpoints", "log.jsonl", "arguments.json"


def pretrain(given: argparse.Namespace, *, pauses: Pauses) -> Path:
    """Train what the arguments say, or go on with it; return the folder of the encoder.

    Raises:
        PolyheadError: the arguments are wrong, or training fails.
    """
    shape = Shape(width=given.width, layers=given.layers, vocabulary=given.vocabulary)
    settings = Settings(steps=given.steps, minutes=given.minutes, learning_rate=given.learning_rate, seed=given.seed)
    if given.batch_tokens < ROW:
        message = f"--batch-tokens must be at least {ROW}, the tokens of a row. Found {given.batch_tokens}."
        raise UsageError(message)
    sources = find_sources(given.corpus)
    kept = {source.path.name: source.sha256 for source in sources}
    arguments = {**asdict(shape), **asdict(settings), "batch_tokens": given.batch_tokens, "corpus": kept}
    _refuse_others(given.output / ARGUMENTS, arguments)
    folder = given.output / ENCODER
    if folder.exists():
        return folder
    corpus = prepare(given.output / TEXT, sources, vocabulary=shape.vocabulary)
    vocabulary = corpus.tokenizer.get_vocab()
    batches = BatchSource(
        corpus.tokens, corpus.ends, vocabulary=len(vocabulary), budget=given.batch_tokens, seed=given.seed
    )
    network = build(shape, vocabulary, seed=given.seed).to(given.device)
    store = CheckpointStore(given.output / CHECKPOINTS)
    loop = Loop(network, batches, settings=settings, store=store, log=Log(given.output / LOG), pauses=pauses)
    loop.resume()
    with interruptible() as interruption:
        loop.run(interruption)
    write_encoder(folder, network, corpus.tokenizer, card=_card(sources, corpus, arguments=arguments, loop=loop))
    store.remove()
    return folder


def _refuse_others(path: Path, arguments: Mapping[str, Any]) -> None:
    """Keep the arguments of an output, and refuse any others for it."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        staging = path.with_name(f".staging-{path.name}")
        staging.write_text(json.dumps(arguments, indent=1), encoding="utf-8")
        staging.replace(path)
    there = json.loads(path.read_text(encoding="utf-8"))
    # As JSON keeps them.
    given = json.loads(json.dumps(arguments))
    other = [f"{name} {there.get(name)}, now {of}" for name, of in given.items() if there.get(name) != of]
    if other:
        rule = f"{path.parent} must be gone on with as it was begun"
        message = f"{rule}. Found {'; '.join(other)}. Name another --output, or give the arguments of before."
        raise UsageError(message)


def _card(sources: Sequence[Source], corpus: Corpus, *, arguments: Mapping[str, Any], loop: Loop) -> str:
    facts = {
        "layers": f"{arguments['layers']} of width {arguments['width']}",
        "vocabulary": f"{corpus.tokenizer.get_vocab_size()} tokens",
        "steps": f"{loop.step} of {arguments['batch_tokens']} tokens, in {loop.seconds / 60:.0f} minutes",
        "masks": f"{MASKED:.0%} of the tokens to guess; of these {HIDDEN:.0%} hidden, {SWAPPED:.0%} replaced",
        "optimiser": f"AdamW, betas {BETAS}, decay {DECAY} of matrices, peak rate {arguments['learning_rate']}, "
        f"warm-up {WARMUP:.0%}, then a linear fall to 0",
        "seed": arguments["seed"],
        "on passages that were not trained on": f"loss {loop.measured['held_out_loss']:.3f}, "
        f"{loop.measured['held_out_right']:.1%} of the tokens guessed right",
    }
    return write_card(table(sources, corpus), facts)


def read_arguments(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--corpus", type=Path, nargs="+", required=True, help="folders or files of text")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    length = parser.add_mutually_exclusive_group(required=True)
    length.add_argument("--steps", type=int)
    length.add_argument("--minutes", type=float, help="of training, beside the time to tokenise")
    parser.add_argument("--batch-tokens", type=int, default=32_768, help="about 8192 on a CPU")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    parser.add_argument("--width", type=int, default=Shape.width)
    parser.add_argument("--layers", type=int, default=Shape.layers)
    parser.add_argument("--vocabulary", type=int, default=Shape.vocabulary)
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args(words)


def main() -> None:
    """Pretrain; leave with 0 done, 1 or 2 what is wrong in one block."""
    try:
        print(pretrain(read_arguments(), pauses=Pauses()))
    except PolyheadError as error:
        print(f"Error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)


if __name__ == "__main__":
    main()
