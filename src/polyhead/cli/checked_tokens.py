"""The tokenizer that `polyhead check` counts with: the encoder's own, found without a look at its weights."""

import json
from importlib.util import find_spec
from itertools import islice
from pathlib import Path

from polyhead.data.lint import MakeTokenizer
from polyhead.data.rows import Rows
from polyhead.errors import FolderError
from polyhead.recipe import Recipe
from polyhead.text.tokens import OVERLAP, TextTokenizer

COMPACT = "compact"
FILE = "tokenizer.json"
PATIENCE = 10
"""Seconds that the hub has to answer."""

SAMPLE = 20_000
"""Texts that the tokenizer of the built-in encoder is made of here; training uses more."""


def tokenizer_for(recipe: Recipe) -> tuple[TextTokenizer | MakeTokenizer | None, str]:
    """Return the encoder's tokenizer, or what makes it; and what to tell the user where there is none."""
    name = recipe.encoder.name
    if name == COMPACT:
        if find_spec("torch") is None or find_spec("transformers") is None:
            return None, _words("training needs torch and transformers, which are not installed")
        return lambda rows: _compact(rows, recipe.encoder.max_tokens), ""
    folder = recipe.folder / Path(name).expanduser()
    try:
        file = folder / FILE if folder.is_dir() else _fetched(name)
        limit = min(recipe.encoder.max_tokens, _limit(file.parent))
        return TextTokenizer.from_folder(file.parent, max_tokens=limit, padding_id=0, filler_id=0, overlap=OVERLAP), ""
    except (OSError, ValueError, FolderError) as error:
        return None, _words(f"the tokenizer of {name!r} cannot be had here ({' '.join(str(error).split())[:200]})")


def _words(reason: str) -> str:
    return f"Lengths are in words and not in tokens: {reason}."


def _fetched(name: str) -> Path:
    """Return the tokenizer of a model of the hub: one small file, from the cache where it is there."""
    from huggingface_hub import hf_hub_download  # noqa: PLC0415  comes with transformers

    for small in ("config.json", "tokenizer_config.json"):
        hf_hub_download(name, small, etag_timeout=PATIENCE)
    return Path(hf_hub_download(name, FILE, etag_timeout=PATIENCE))


def _limit(folder: Path) -> int:
    """Return the longest input that an encoder's files speak of."""
    found = [2**31]
    for file, key in (("config.json", "max_position_embeddings"), ("tokenizer_config.json", "model_max_length")):
        if (folder / file).is_file():
            value = json.loads((folder / file).read_text(encoding="utf-8")).get(key)
            found += [int(value)] if isinstance(value, int | float) and 0 < value < found[0] else []
    return min(found)


def _compact(rows: Rows, max_tokens: int) -> TextTokenizer:
    from polyhead.model.compact import POSITIONS, train_tokenizer  # noqa: PLC0415  slow to import

    texts = (text for batch in rows.iterate() for text in rows.texts(batch))
    tokenizer = train_tokenizer(islice(texts, SAMPLE))
    return TextTokenizer(tokenizer, max_tokens=min(max_tokens, POSITIONS), padding_id=0, filler_id=0, overlap=OVERLAP)
