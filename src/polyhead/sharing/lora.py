"""One encoder with low-rank adapters: tasks of a group share an adapter and a pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, ClassVar

from annotated_types import Ge, Gt, Lt, MinLen

from polyhead.sharing.base import Sharing

if TYPE_CHECKING:
    from torch import nn

    from polyhead.sharing._branches import Branches


@dataclass(frozen=True, kw_only=True)
class LowRank(Sharing):
    """Add a low-rank adapter of each group to every linear layer of the encoder.

    An input costs a pass for each group whose tasks are asked. The encoder below is trained as well, unless
    `training.freeze` says otherwise. The sentence embedding is that of the encoder without adapters: it costs a pass
    of its own where it is asked for.

    Args:
        rank: inner width of the adapters.
        alpha: scale of the adapters, divided by the rank; twice the rank when absent.
        dropout: share of an adapter's inputs that are dropped in training.
        groups_of: tasks by the name of their group; a task that is in none has an adapter of its own.

    Reference:
        Hu et al. 2022, https://arxiv.org/abs/2106.09685
    """

    kind: ClassVar[str] = "lora"
    rank: Annotated[int, Gt(0)] = 8
    alpha: Annotated[int, Gt(0)] | None = None
    dropout: Annotated[float, Ge(0), Lt(1)] = 0.0
    groups_of: Mapping[Annotated[str, MinLen(1)], Annotated[tuple[str, ...], MinLen(1)]] = field(
        default_factory=dict[str, tuple[str, ...]]
    )

    def __post_init__(self) -> None:
        groups = {name: tuple(tasks) for name, tasks in self.groups_of.items()}
        named = [task for tasks in groups.values() for task in tasks]
        if len(named) > len(set(named)):
            message = f"`groups_of` must name each task once. Found {', '.join(named)}."
            raise ValueError(message)
        object.__setattr__(self, "groups_of", MappingProxyType(groups))

    @property
    def named_tasks(self) -> Sequence[str]:
        return tuple(task for tasks in self.groups_of.values() for task in tasks)

    def groups(self, tasks: Sequence[str]) -> tuple[tuple[str, ...], ...]:
        group = {task: of for of in self.groups_of.values() for task in of}
        found = dict.fromkeys(group.get(task, (task,)) for task in tasks)
        return tuple(tuple(task for task in of if task in tasks) for of in found)

    def attach(self, encoder: "nn.Module", levels: Mapping[str, str], *, width: int) -> "Branches":  # noqa: ARG002
        from polyhead.sharing._adapters import AdapterBranches  # noqa: PLC0415  recipes load without torch

        groups = self.groups(tuple(levels))
        alpha = self.alpha or 2 * self.rank
        return AdapterBranches(encoder, groups, rank=self.rank, alpha=alpha, dropout=self.dropout)
