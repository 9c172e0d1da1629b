"""The encoder out to a folder that any library opens, with a card that names what it learned from."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from network import Network
from tokenizers import Tokenizer

from polyhead.model.compact import MASK, PADDING, POSITIONS
from polyhead.model.encoder import quiet
from polyhead.model.spelling import fold
from polyhead.model.tokenizers import write_tokenizer
from polyhead.staging import fsync_tree
from polyhead.text.tokens import TextTokenizer

FRONT = """\
---
language: en
library_name: transformers
tags:
- polyhead
- fill-mask
---
"""
USE = """\
## Use

In a recipe:

```toml
[encoder]
name = "this folder"
```

or `AutoModel.from_pretrained("this folder")`. It knows no task before it is fine-tuned, and has no head that fills in
hidden words.

## Limits

It learned from the texts above alone, in English alone, a third of the passages in lower case, and may repeat the
views of their authors. It was trained on at most 128 tokens at once; longer texts are read, but larger distances are
not told apart.
"""


def write_encoder(folder: Path, network: Network, tokenizer: Tokenizer, *, card: str) -> None:
    """Write the encoder in half precision, spelling folded into a plain table. The network is of no use afterwards.

    Args:
        folder: a new folder; it is there as a whole or not at all.
        network: what was trained.
        tokenizer: its tokenizer.
        card: the README.
    """
    staging = folder.with_name(f".staging-{folder.name}")
    shutil.rmtree(staging, ignore_errors=True)
    encoder = network.encoder
    encoder.set_input_embeddings(network.words)
    fold(encoder)
    with quiet():
        encoder.cpu().half().save_pretrained(staging)
    ids: dict[str, Any] = {token: tokenizer.token_to_id(token) for token in (PADDING, MASK)}
    text_tokenizer = TextTokenizer(tokenizer, max_tokens=POSITIONS, padding_id=ids[PADDING], filler_id=ids[MASK])
    write_tokenizer(text_tokenizer, staging)
    (staging / "README.md").write_text(card, encoding="utf-8")
    fsync_tree(staging)
    staging.rename(folder)
    fsync_tree(folder.parent, deep=False)


def write_card(texts: Sequence[Mapping[str, Any]], facts: Mapping[str, object]) -> str:
    """Write the model card.

    Args:
        texts: a row for each file of text: `path`, `what`, `source`, `licence`, `sha256`, `passages`, `tokens`.
        facts: what is told about the training, in order.
    """
    lines = [
        FRONT,
        "# A small English encoder",
        "",
        "The architecture of Polyhead's `compact` (a small DeBERTa-v2), pretrained to guess hidden words.",
        "",
        "## Texts",
        "",
        "| file | what | source | licence | passages | tokens | SHA-256 |",
        "|---|---|---|---|---|---|---|",
    ]
    columns = ("path", "what", "source", "licence", "passages", "tokens", "sha256")
    lines += [f"| {' | '.join(str(row[column]) for column in columns)} |" for row in texts]
    lines += ["", "## Training", "", *(f"- {name}: {fact}" for name, fact in facts.items()), "", USE]
    return "\n".join(lines)
