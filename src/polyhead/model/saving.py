"""A model out to its folder and back: safetensors and JSON only."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from huggingface_hub import HfApi
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import PreTrainedModel

from polyhead import __version__
from polyhead.errors import FolderError, StorageError
from polyhead.folder import read_manifest
from polyhead.manifest import ENCODER_WEIGHTS, Manifest
from polyhead.model.dialect import PROJECTION, speaks, write_modules
from polyhead.model.encoder import load_module, quiet
from polyhead.model.sources import reason_of
from polyhead.model.spelling import plain_state
from polyhead.model.tokenizers import write_tokenizer
from polyhead.sharing._adapters import MARK, plain_name
from polyhead.staging import stage
from polyhead.text.tokens import TextTokenizer

if TYPE_CHECKING:
    from polyhead.model.multitask import MultiTaskModel

HEADS = "heads.safetensors"
NEEDED = ("config.json", ENCODER_WEIGHTS, "tokenizer.json", HEADS)
ENCODER = "encoder."
RECORDED_PACKAGES = ("torch", "transformers", "tokenizers")
ONE_FILE = 2**60
"""Bytes of a shard: no encoder is cut up, so that one hash stands for it."""


@dataclass(frozen=True, slots=True)
class SavedModel:
    """The parts of a model folder.

    Args:
        manifest: what the folder says about itself.
        encoder: the encoder with its weights.
        tokenizer: its tokenizer.
        tensors: the weights of everything else, by name.
    """

    manifest: Manifest
    encoder: PreTrainedModel
    tokenizer: TextTokenizer
    tensors: Mapping[str, Tensor]

    def fill(self, model: "MultiTaskModel") -> None:
        """Put the weights of everything but the encoder into a model.

        Raises:
            FolderError: names or shapes are not those of the model.
        """
        own = beside_the_encoder(model)
        expected = {name: tuple(tensor.shape) for name, tensor in own.items()}
        found = {name: tuple(tensor.shape) for name, tensor in self.tensors.items()}
        if expected != found:
            wrong = sorted(dict(expected.items() ^ found.items()))
            rule = f"{HEADS} must hold the weights that the manifest tells of"
            message = f"{rule}. Found others for {', '.join(wrong)}. The folder was altered; get it again."
            raise FolderError(message)
        # The encoder has its weights already, so its names are the ones left out.
        model.load_state_dict(dict(self.tensors), strict=False)


def save_model(model: "MultiTaskModel", folder: Path, *, documents: Mapping[str, str], overwrite: bool) -> None:
    """Write a model folder; see `MultiTaskModel.save_pretrained`."""
    with stage(folder, overwrite=overwrite) as staging:
        with quiet():
            weights = _each_on_its_own(_plain_encoder(model))
            model.encoder.save_pretrained(staging.path, state_dict=weights, max_shard_size=ONE_FILE)
        write_tokenizer(model.tokenizer, staging.path)
        tensors = beside_the_encoder(model)
        if speaks(model.pooling.kind):
            write_modules(
                staging.path,
                pooling=model.pooling.kind,
                width=model.width,
                max_tokens=model.tokenizer.max_tokens,
                projection=model.projection,
            )
            tensors = {name: tensor for name, tensor in tensors.items() if not name.startswith("projection.")}
        save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, staging.path / HEADS)
        for name, text in documents.items():
            (staging.path / name).write_text(text, encoding="utf-8")
        staging.publish(_manifest_of(model))


def read_model(folder: Path) -> SavedModel:
    """Read and verify a model folder.

    Raises:
        FolderError: it is absent, altered or of another format version.
    """
    manifest = read_manifest(folder)
    absent = [name for name in NEEDED if name not in manifest.files]
    if absent:
        message = f"{folder} must have {', '.join(absent)} in its manifest. The folder was altered; get it again."
        raise FolderError(message)
    tokenizer = TextTokenizer.from_folder(
        folder,
        max_tokens=manifest.max_tokens,
        padding_id=manifest.padding_id,
        filler_id=manifest.filler_id,
        overlap=manifest.overlap,
    )
    tensors = load_file(folder / HEADS)
    if PROJECTION in manifest.files:
        dense = load_file(folder / PROJECTION)
        tensors |= {name.replace("linear.", "projection."): tensor for name, tensor in dense.items()}
    return SavedModel(manifest, load_module(folder), tokenizer, tensors)


def push(model: "MultiTaskModel", repo_id: str, *, private: bool) -> None:
    """Upload a model; see `MultiTaskModel.push_to_hub`."""
    hub = HfApi()
    with TemporaryDirectory() as folder:
        save_model(model, Path(folder), documents={}, overwrite=False)
        try:
            hub.create_repo(repo_id, private=private, exist_ok=True)
            hub.upload_folder(repo_id=repo_id, folder_path=folder)
        except (OSError, ValueError, RuntimeError) as error:
            message = f"{repo_id!r} cannot be uploaded: {reason_of(error)}. Check the name, your login and the network."
            raise StorageError(message) from error


def _each_on_its_own(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Copy tensors that share memory with one before them; safetensors has no notion of sharing."""
    seen = set[int]()
    separate: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        place = tensor.untyped_storage().data_ptr()
        separate[name] = tensor.clone() if place in seen else tensor
        seen.add(place)
    return separate


def _plain_encoder(model: "MultiTaskModel") -> dict[str, Tensor]:
    """Return the encoder's weights as any library knows them, without what sharing put into it."""
    return {plain_name(name): tensor for name, tensor in plain_state(model.encoder).items() if MARK not in name}


def beside_the_encoder(model: "MultiTaskModel") -> dict[str, Tensor]:
    """Return the weights of everything but the plain encoder, by the names that a folder gives them."""
    every = model.state_dict().items()
    state = {name: tensor for name, tensor in every if not name.startswith(ENCODER) or MARK in name}
    for place, encoder in model.encoders().items():
        if encoder is model.encoder:
            continue
        state = {name: tensor for name, tensor in state.items() if not name.startswith(f"{place}.")}
        state |= {f"{place}.{name}": tensor for name, tensor in plain_state(encoder).items()}
    return state


def _manifest_of(model: "MultiTaskModel") -> Manifest:
    tokenizer = model.tokenizer
    return Manifest(
        tasks=model.trained_tasks(),
        pooling=model.pooling.kind,
        projection=None if model.projection is None else model.projection.out_features,
        width=model.width,
        max_tokens=tokenizer.max_tokens,
        overlap=tokenizer.overlap,
        padding_id=tokenizer.padding_id,
        filler_id=tokenizer.filler_id,
        sharing=model.sharing,
        ngrams=() if model.ngrams is None else tuple(model.ngrams.outputs),
        versions={"polyhead": __version__, **{name: _version(name) for name in RECORDED_PACKAGES}},
    )


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"
