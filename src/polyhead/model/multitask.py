"""One encoder, many heads: every task's logits in one pass over a text."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from polyhead.errors import UsageError, did_you_mean
from polyhead.model.compact import COMPACT, build_compact
from polyhead.model.encoder import load_encoder, state_width
from polyhead.model.forward import count_passes, forward, head_levels, takes_types, token_types
from polyhead.model.heads import build_head
from polyhead.model.ngrams import BagOfNgrams, bag_for
from polyhead.model.outputs import Outputs
from polyhead.model.packed.states import TokenStates, encode
from polyhead.model.pooling import build_pooling
from polyhead.model.saving import push, read_model, save_model
from polyhead.recipe_toml import tupled
from polyhead.sharing.base import Sharing
from polyhead.sharing.hard import Hard
from polyhead.tasks.base import HeadTask, Task
from polyhead.text.tokens import TextTokenizer, TokenBatch

if TYPE_CHECKING:
    from polyhead.model.remembering import Remembered
    from polyhead.recipe import Recipe


class MultiTaskModel(nn.Module):
    """A shared encoder with a head for each task.

    Tasks about texts read the embedding, tasks about words the states of all tokens.

    Args:
        encoder: the shared encoder.
        tokenizer: its tokenizer.
        tasks: the tasks by name, with their labels known.
        pooling: `mean`, `cls`, `last`, `max` or `attention`.
        projection: width of the embedding; that of the encoder when absent.
        sharing: what the tasks share of the encoder; all of it when absent.
    """

    def __init__(
        self,
        *,
        encoder: PreTrainedModel,
        tokenizer: TextTokenizer,
        tasks: Mapping[str, Task],
        pooling: str,
        projection: int | None,
        sharing: Sharing | None = None,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.tokenizer = tokenizer
        self.tasks = dict(tasks)
        self.width = state_width(encoder)
        self.separator = tokenizer.separator_id if takes_types(encoder) else None
        self.embedding_width = projection or self.width
        self.pooling = build_pooling(pooling, self.width)
        self.projection = None if projection is None else nn.Linear(self.width, projection)
        self.sharing = sharing or Hard()
        self.branches = self.sharing.attach(encoder, head_levels(self.tasks), width=self.width)
        self.remembered: Remembered | None = None
        widths = {"text": self.embedding_width if self.sharing.pools else self.width, "words": self.width}
        self.heads = nn.ModuleDict(
            {
                _head_name(name): build_head(task, widths[task.level])
                for name, task in self.tasks.items()
                if isinstance(task, HeadTask)
            }
        )
        self.ngrams: BagOfNgrams | None = None

    @classmethod
    def build(cls, recipe: "Recipe", *, tasks: Mapping[str, Task], texts: Iterable[str]) -> Self:
        """Make an untrained model: the recipe's encoder, new heads. The seed of the recipe fixes them.

        Args:
            recipe: names the encoder.
            tasks: the recipe's tasks with their labels filled in.
            texts: training texts, read only by `compact`, which has no tokenizer before it sees them.

        Raises:
            EncoderUnavailableError: the encoder cannot be reached or read.
        """
        settings, seed = recipe.encoder, recipe.training.seed
        # The caller's own random numbers go on as if nothing had been drawn.
        with torch.random.fork_rng(devices=[]):
            torch.default_generator.manual_seed(seed)
            if settings.name == COMPACT:
                loaded = build_compact(texts, seed, max_tokens=settings.max_tokens, overlap=settings.overlap)
            else:
                loaded = load_encoder(settings, folder=recipe.folder)
            torch.default_generator.manual_seed(seed)
            return cls(
                encoder=loaded.module,
                tokenizer=loaded.tokenizer,
                tasks=tasks,
                pooling=settings.pooling,
                projection=settings.projection,
                sharing=recipe.sharing,
            )

    @classmethod
    def from_pretrained(cls, folder: str | Path) -> Self:
        """Open a model folder, after every file was checked against its hash.

        Raises:
            FolderError: the folder is absent, altered or of another format version.
        """
        saved = read_model(Path(folder))
        manifest = saved.manifest
        with torch.random.fork_rng(devices=[]):
            model = cls(
                encoder=saved.encoder,
                tokenizer=saved.tokenizer,
                tasks=manifest.tasks,
                pooling=manifest.pooling,
                projection=manifest.projection,
                sharing=manifest.sharing,
            )
            model.ngrams = bag_for(manifest.tasks, manifest.ngrams, vocabulary=saved.tokenizer.vocabulary_size)
        saved.fill(model)
        return model.eval()

    def save_pretrained(
        self, folder: str | Path, *, documents: Mapping[str, str] | None = None, overwrite: bool = False
    ) -> None:
        """Write a model folder; it is there as a whole or not at all.

        `SentenceTransformer(folder)` and `AutoModel.from_pretrained(folder)` open the encoder in it. Attention
        pooling is ours alone: with it there is no `modules.json`, and only `AutoModel` opens the folder.

        Args:
            folder: a new folder, or one without a model, whose files stay.
            documents: further text files by name, such as `README.md`.
            overwrite: whether a model that is there is replaced.

        Raises:
            UsageError: the folder holds a model.
            StorageError: something cannot be written; what was there is untouched.
        """
        save_model(self, Path(folder), documents=documents or {}, overwrite=overwrite)

    def push_to_hub(self, repo_id: str, *, private: bool = True) -> None:
        """Save the model and upload it to the hub, to a repository that is made when absent.

        Args:
            repo_id: `owner/name`.
            private: whether a new repository is seen by its owner only.

        Raises:
            StorageError: the hub does not take it.
        """
        push(self, repo_id, private=private)

    def tensors(self, batch: TokenBatch) -> dict[str, Tensor]:
        """Put a batch of tokens where the model is: `input_ids` and `attention_mask`, shape `(batch, tokens)`.

        Raises:
            UsageError: a text is longer than what the encoder reads at once.
        """
        if batch.ids.shape[1] > self.tokenizer.max_tokens:
            rule = f"`batch` must have at most {self.tokenizer.max_tokens} tokens a text. Found {batch.ids.shape[1]}"
            message = f"{rule}. Make it with `tokenizer.window_batch`, or ask a `Predictor`, which joins windows."
            raise UsageError(message)
        ids, mask = torch.from_numpy(batch.ids), torch.from_numpy(batch.mask).long()
        device = self.encoder.device
        pinned = device.type == "cuda"
        if pinned:
            # From pinned memory the copy runs while the device still works on the batch before.
            ids, mask = ids.pin_memory(), mask.pin_memory()
        given = {"input_ids": ids, "attention_mask": mask}
        return {name: tensor.to(device, non_blocking=pinned) for name, tensor in given.items()}

    def forward(self, batch: Mapping[str, Tensor], tasks: Sequence[str] | None = None) -> Outputs:
        """Run the encoder, once where the tasks share a pass, and the heads that are asked for.

        Args:
            batch: what `tensors` gives.
            tasks: names of tasks; all when absent. Where the tasks share a pass the embedding is always there.

        Raises:
            UsageError: there is no task of a name.
        """
        names = self._asked(tasks)
        found = forward(self, batch, names, embeds=self._embeds(tasks))
        # Their gradients come through the outputs, where several processes look for them.
        parameters = {name: {key: own * 1.0 for key, own in self._parameters_of(name)} for name in names}
        return Outputs(found.logits, found.embedding, found.states.padded, found.states.shared, parameters)

    def pool(self, states: Tensor, mask: Tensor) -> Tensor:
        """Make one embedding of the states of a text: `(batch, tokens, width)` to `(batch, width)`."""
        embedding = self.pooling(states, mask)
        return embedding if self.projection is None else self.projection(embedding)

    def encode(self, encoder: PreTrainedModel, batch: Mapping[str, Tensor]) -> TokenStates:
        """Run one of the model's encoders over a batch."""
        ids = batch["input_ids"]
        types = None if self.separator is None else token_types(ids, self.separator)
        return encode(encoder, ids, batch["attention_mask"], types=types)

    def encoders(self) -> dict[str, PreTrainedModel]:
        """Return every encoder by its place in the model; there are several where tasks have encoders of their own."""
        further = {f"branches.{place}": encoder for place, encoder in self.branches.encoders_at().items()}
        return {"encoder": self.encoder, **further}

    def passes(self) -> int:
        """Count the encoder passes that a text costs when every task is asked."""
        return count_passes(self.branches, self.tasks)

    def trained_tasks(self) -> dict[str, Task]:
        """Return the tasks with the parameters of their heads as they are now, as numbers."""
        found = {name: {key: _numbers(own) for key, own in self._parameters_of(name)} for name in self.tasks}
        return {name: task.with_parameters(found[name]) if found[name] else task for name, task in self.tasks.items()}

    def _parameters_of(self, task: str) -> list[tuple[str, nn.Parameter]]:
        head = self.heads[_head_name(task)] if _head_name(task) in self.heads else nn.Identity()
        return list(head.named_parameters(recurse=False))

    def head(self, task: str) -> nn.Module:
        """Return the head of a task."""
        return self.heads[_head_name(task)]

    def _embeds(self, tasks: Sequence[str] | None) -> bool:
        """Tell whether something is asked that the embedding answers."""
        return not tasks or not all(_head_name(name) in self.heads for name in tasks)

    def _asked(self, tasks: Sequence[str] | None) -> list[str]:
        for name in tasks or ():
            if name not in self.tasks:
                rule = f"`tasks` must name tasks of the model: {', '.join(map(repr, self.tasks))}"
                message = f"{rule}. Found {name!r}{did_you_mean(name, self.tasks)}"
                raise UsageError(message)
        names = self.tasks if tasks is None else tasks
        return [name for name in names if _head_name(name) in self.heads]


def _head_name(task: str) -> str:
    # torch keeps names such as `type` and `keys` to itself.
    return f"task_{task}"


def _numbers(parameter: Tensor) -> Any:  # noqa: ANN401  tuples as deep as the parameter has dimensions
    values: Any = parameter.detach().double().cpu().tolist()
    return tupled(values)
