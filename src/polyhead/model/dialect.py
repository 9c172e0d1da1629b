"""The classic dialect of sentence-transformers, which every reader of embedding models knows.

It has no attention pooling; a model with it is written without these files.
"""

import json
from pathlib import Path
from typing import Any

from safetensors.torch import save_file
from torch import nn

MODULES = "modules.json"
PROJECTION = "2_Dense/model.safetensors"
POOLING_MODES = {
    "cls": "pooling_mode_cls_token",
    "mean": "pooling_mode_mean_tokens",
    "max": "pooling_mode_max_tokens",
    "last": "pooling_mode_lasttoken",
}
UNUSED_MODES = ("pooling_mode_mean_sqrt_len_tokens", "pooling_mode_weightedmean_tokens")


def speaks(pooling: str) -> bool:
    """Tell whether sentence-transformers knows a kind of pooling."""
    return pooling in POOLING_MODES


def write_modules(folder: Path, *, pooling: str, width: int, max_tokens: int, projection: nn.Linear | None) -> None:
    """Write the files that make `SentenceTransformer(folder)` give our embedding.

    Args:
        folder: where the encoder and its tokenizer lie.
        pooling: a kind that `speaks` knows.
        width: width of the token states.
        max_tokens: the longest input.
        projection: what follows the pooling, if anything.
    """
    modules = [_module(0, "", "Transformer"), _module(1, "1_Pooling", "Pooling")]
    _write(folder / "sentence_bert_config.json", {"max_seq_length": max_tokens, "do_lower_case": False})
    modes = {name: kind == pooling for kind, name in POOLING_MODES.items()}
    unused = dict.fromkeys(UNUSED_MODES, False)
    settings = {"word_embedding_dimension": width, **modes, **unused, "include_prompt": True}
    _write(folder / "1_Pooling" / "config.json", settings)
    if projection is not None:
        modules.append(_module(2, "2_Dense", "Dense"))
        shape = {"in_features": projection.in_features, "out_features": projection.out_features, "bias": True}
        _write(folder / "2_Dense" / "config.json", {**shape, "activation_function": "torch.nn.modules.linear.Identity"})
        tensors = {f"linear.{name}": tensor.contiguous() for name, tensor in projection.state_dict().items()}
        save_file(tensors, folder / PROJECTION)
    _write(folder / MODULES, modules)


def _module(index: int, path: str, name: str) -> dict[str, Any]:
    return {"idx": index, "name": str(index), "path": path, "type": f"sentence_transformers.models.{name}"}


def _write(path: Path, document: Any) -> None:  # noqa: ANN401  what JSON takes
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps(document, indent=1) + "\n", encoding="utf-8")
