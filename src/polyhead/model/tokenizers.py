"""The tokenizer of an encoder, out of its folder and into ours."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer
from transformers import AutoTokenizer, PreTrainedModel

from polyhead.errors import EncoderUnavailableError
from polyhead.folder import read_manifest
from polyhead.manifest import MANIFEST
from polyhead.model.sources import reason_of
from polyhead.text.tokens import TextTokenizer

PADDING_ROLES = ("pad_token", "eos_token", "bos_token", "sep_token", "cls_token", "unk_token")
FILLER_ROLES = ("bos_token", "eos_token", "cls_token", "pad_token")


def load_tokenizer(
    folder: Path, module: PreTrainedModel, *, max_tokens: int, overlap: float | None = None
) -> TextTokenizer:
    """Load the tokenizer that lies beside an encoder.

    Args:
        folder: the encoder's folder.
        module: the encoder.
        max_tokens: the longest input wanted; the tokenizer's own limit is kept when that is lower.
        overlap: share of a long text's window that the next window reads too; without it, long texts are cut.

    Raises:
        EncoderUnavailableError: there is no fast tokenizer, or it has more tokens than the encoder.
    """
    try:
        # It knows which token has which role; the ids come from `tokenizer.json` itself, which it may not follow.
        roles: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
        path = folder / "tokenizer.json"
        # A slow tokenizer has no backend.
        tokenizer = Tokenizer.from_file(str(path)) if path.is_file() else roles.backend_tokenizer
    # The tokenizers library raises bare `Exception` for a file that it cannot read.
    except Exception as error:
        message = f"encoder {folder}: it must come with a fast tokenizer, in tokenizer.json. Found: {reason_of(error)}."
        raise EncoderUnavailableError(message) from error
    embeddings: Any = module.get_input_embeddings()
    vocabulary = embeddings.weight.shape[0]
    if tokenizer.get_vocab_size(with_added_tokens=False) > vocabulary:
        message = (
            f"encoder {folder}: the tokenizer must not have more tokens than the encoder has embeddings. "
            f"Found {tokenizer.get_vocab_size(with_added_tokens=False)} and {vocabulary}; they are of two models."
        )
        raise EncoderUnavailableError(message)
    tokens = {role: getattr(roles, role, None) for role in (*PADDING_ROLES, *FILLER_ROLES)}
    ids = {role: tokenizer.token_to_id(str(token)) for role, token in tokens.items() if token}
    own_padding = getattr(module.config, "pad_token_id", None)
    # An ordinary word is no padding for other readers of the folder, which would cut it out of every text.
    if "pad_token" not in ids and own_padding in tokenizer.get_added_tokens_decoder():
        ids["pad_token"] = own_padding
    ids = {role: number for role, number in ids.items() if number is not None and number < vocabulary}
    filler = _own_filler(folder, below=vocabulary)
    return TextTokenizer(
        tokenizer,
        max_tokens=min(max_tokens, roles.model_max_length),
        padding_id=_first(ids, PADDING_ROLES),
        filler_id=_first(ids, FILLER_ROLES) if filler is None else filler,
        overlap=overlap,
    )


def write_tokenizer(tokenizer: TextTokenizer, folder: Path) -> None:
    """Write a tokenizer so that `AutoTokenizer` reads it and gives the same ids."""
    document = tokenizer.to_json()
    (folder / "tokenizer.json").write_text(document, encoding="utf-8")
    settings: dict[str, Any] = {
        # The one class that takes tokenizer.json as it stands, whatever the model.
        "tokenizer_class": "PreTrainedTokenizerFast",
        "model_max_length": tokenizer.max_tokens,
        "padding_side": "right",
        "truncation_side": "right",
    }
    special = {token["id"]: token["content"] for token in json.loads(document)["added_tokens"] if token["special"]}
    # An ordinary word must not become special, or it would be cut out of every text.
    if tokenizer.padding_id in special:
        settings["pad_token"] = special[tokenizer.padding_id]
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def _own_filler(folder: Path, *, below: int) -> int | None:
    """Return the filler of a model folder of ours, whose tokenizer names no role for it."""
    if not (folder / MANIFEST).is_file():
        return None
    filler = read_manifest(folder, verify=False).filler_id
    return filler if filler < below else None


def _first(ids: Mapping[str, int], roles: Iterable[str]) -> int:
    return next((ids[role] for role in roles if role in ids), 0)
