"""The shared encoder: any encoder-only or causal model of transformers, with its tokenizer."""

import inspect
import warnings
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import nn
from transformers import MODEL_MAPPING, AutoConfig, AutoModel, PreTrainedConfig, PreTrainedModel
from transformers.utils import logging

from polyhead.errors import EncoderUnavailableError
from polyhead.model.sources import locate, read_raw_configuration, reason_of
from polyhead.model.tokenizers import load_tokenizer
from polyhead.text.tokens import TextTokenizer

if TYPE_CHECKING:
    from polyhead.recipe import EncoderSettings

ATTENTIONS = (None, "eager", "sdpa")
"""Attention code that comes with torch; other names can mean code fetched from the hub."""


@dataclass(frozen=True, slots=True)
class LoadedEncoder:
    """An encoder ready for use.

    Args:
        module: the network; token ids and mask of shape `(batch, tokens)` to states `(batch, tokens, width)`.
        tokenizer: its tokenizer.
        width: width of the states.
    """

    module: PreTrainedModel
    tokenizer: TextTokenizer
    width: int


def load_encoder(settings: "EncoderSettings", *, folder: Path) -> LoadedEncoder:
    """Load a pretrained encoder and its tokenizer. No code that comes with it is ever run.

    Args:
        settings: the encoder of the recipe.
        folder: where a relative local folder starts.

    Raises:
        EncoderUnavailableError: it cannot be reached or read, or it is no encoder-only or causal model.
    """
    source = locate(settings.name, start=folder)
    module = load_module(source)
    width = state_width(module)
    limit = min(settings.max_tokens, position_limit(module))
    with quiet():
        tokenizer = load_tokenizer(source, module, max_tokens=limit, overlap=settings.overlap)
    return LoadedEncoder(module, tokenizer, width)


def load_configuration(folder: Path) -> PreTrainedConfig:
    """Read an encoder's configuration and refuse what cannot be an encoder here.

    Raises:
        EncoderUnavailableError: it is unreadable, of an unknown or an encoder-decoder model, or asks for code.
    """
    raw = read_raw_configuration(folder)
    # Here and below: over files that it cannot make sense of, transformers raises errors of every kind.
    try:
        # A configuration that points to code of its own is read as the class that transformers has for its type.
        with quiet():
            configuration = AutoConfig.from_pretrained(folder, trust_remote_code=False, local_files_only=True)
    except Exception as error:
        found = f"Found model_type {raw.get('model_type')!r}: {reason_of(error)}."
        if "auto_map" in raw:
            found = f"Found model_type {raw.get('model_type')!r}, which needs code of its own; that is never run."
        raise _refused(folder, "config.json must describe a model that transformers knows", found) from error
    if getattr(configuration, "is_encoder_decoder", False):
        found = f"Found the encoder-decoder {configuration.model_type!r}."
        raise _refused(folder, "the model must be encoder-only or causal", found)
    attention = raw.get("attn_implementation", raw.get("_attn_implementation"))
    if attention not in ATTENTIONS:
        found = f"Found attn_implementation {attention!r} in config.json; remove it."
        raise _refused(folder, "attention must be code that comes with torch", found)
    if hasattr(configuration, "auto_map"):
        delattr(configuration, "auto_map")
    if getattr(configuration, "use_cache", False):
        # A cache of keys and values is for writing text; reading needs none.
        configuration.use_cache = False
    return configuration


def load_module(folder: Path) -> PreTrainedModel:
    """Load an encoder's weights in float32, without the pooling layer that nobody trained here.

    Raises:
        EncoderUnavailableError: the weights are absent, pickled, incomplete, or of other shapes.
    """
    configuration = load_configuration(folder)
    if not any((folder / name).is_file() for name in ("model.safetensors", "model.safetensors.index.json")):
        found = ", ".join(sorted(path.name for path in folder.glob("*.bin"))) or "none"
        found = f"Found {found}. A pickle is never opened; save the model again with a recent transformers."
        raise _refused(folder, "weights must be in model.safetensors", found)
    try:
        with quiet():
            module, report = AutoModel.from_pretrained(
                folder,
                config=configuration,
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                trust_remote_code=False,
                output_loading_info=True,
                **without_pooling_layer(configuration),
            )
    except Exception as error:
        raise _refused(folder, "weights must be readable", f"Found: {reason_of(error)}.") from error
    missing = sorted(name for name in report["missing_keys"] if not name.startswith("pooler."))
    if missing:
        found = f"Found none for {missing[0]}" + (f" and {len(missing) - 1} more." if missing[1:] else ".")
        raise _refused(folder, "weights must be there for every part of the encoder", found)
    return module.eval()


def without_pooling_layer(configuration: PreTrainedConfig) -> dict[str, bool]:
    """Return the argument that leaves out a pooling layer, for models that have one to leave out."""
    known = MODEL_MAPPING.get(type(configuration), None)
    parameters = inspect.signature(known.__init__).parameters if isinstance(known, type) else ()
    return {"add_pooling_layer": False} if "add_pooling_layer" in parameters else {}


def state_width(module: PreTrainedModel) -> int:
    """Measure the width of an encoder's states with a pass over one token.

    Raises:
        EncoderUnavailableError: the model does not turn token ids into token states.
    """
    ids = torch.zeros((1, 1), dtype=torch.int64, device=module.device)
    try:
        with torch.inference_mode():
            return int(module(input_ids=ids, attention_mask=torch.ones_like(ids)).last_hidden_state.shape[2])
    except Exception as error:
        message = (
            f"encoder: a model must turn token ids into token states. Found {type(module).__name__}: "
            f"{reason_of(error)}. Name a text encoder."
        )
        raise EncoderUnavailableError(message) from error


def position_limit(module: PreTrainedModel) -> int:
    """Return the longest input that a model has positions for."""
    limit = getattr(module.config, "max_position_embeddings", None)
    if not isinstance(limit, int) or limit <= 0:
        return 2**31
    for part in module.modules():
        positions = getattr(part, "position_embeddings", None)
        padding = positions.padding_idx if isinstance(positions, nn.Embedding) else None
        # RoBERTa and its kin count positions from the one after their padding.
        if padding is not None:
            return limit - padding - 1
    return limit


@contextmanager
def quiet() -> Generator[None]:
    """Keep transformers from writing to the terminal; what matters is checked and said by us."""
    verbosity, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    with warnings.catch_warnings():
        # The bars are no longer ours to switch where an environment variable settles them.
        warnings.filterwarnings("ignore", message="Cannot (en|dis)able progress bars")
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            yield
        finally:
            logging.set_verbosity(verbosity)
            if bars:
                logging.enable_progress_bar()


def _refused(folder: Path, rule: str, found: str) -> EncoderUnavailableError:
    return EncoderUnavailableError(f"encoder {folder}: {rule}. {found}")
