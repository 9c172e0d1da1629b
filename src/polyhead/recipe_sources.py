"""Where the rows of a recipe come from: the `data` part of it, as frozen records."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Annotated, Any, ClassVar, Literal

from annotated_types import Ge, Lt, MinLen, Predicate
from pydantic import AfterValidator

from polyhead.recipe_faults import Table
from polyhead.recipe_rules import FORMATS, not_twice, row_field, some_left
from polyhead.registry import STRICT
from polyhead.tasks.base import each_once


@dataclass(frozen=True, kw_only=True)
class DataSource:
    """One file of rows, or one data set of a folder or the hub.

    Args:
        path: the file, folder or hub id; a relative path starts at the recipe's folder.
        fields: our name (`text`, `text_pair`, `tokens` or a task's) to the file's column, where they differ.
        format: how the rows are written down; told by the file's name or content when absent.
        columns: the names of the columns of a CSV, TSV or CoNLL file without a header, in order.
        split: the split of a data set that has several.
        subset: the configuration of a data set of the hub that has several.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    path: Annotated[str, MinLen(1)]
    fields: Mapping[Annotated[str, AfterValidator(row_field)], Annotated[str, MinLen(1)]] = field(
        default_factory=dict[str, str]
    )
    format: Literal[FORMATS] | None = None  # pyright: ignore[reportInvalidTypeForm]  one list of them, for faults too
    columns: Annotated[tuple[str, ...], Predicate(each_once)] | None = None
    split: str | None = None
    subset: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "fields", MappingProxyType(dict(self.fields)))


Sources = tuple[Annotated[DataSource, Table()], ...]
Share = Annotated[float, Ge(0), Lt(1)]


@dataclass(frozen=True, kw_only=True)
class SplitShares:
    """How much of the training rows becomes dev and test rows; texts that are equal stay together.

    Args:
        dev: share of the rows for dev.
        test: share of the rows for test.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    dev: Share = 0.0
    test: Annotated[Share, AfterValidator(some_left)] = 0.0


@dataclass(frozen=True, kw_only=True)
class DataSources:
    """The files of each split: train to learn from, dev to choose the best epoch, test to report.

    Args:
        train: the training files.
        dev: the dev files.
        test: the test files.
        split: shares of the training rows that become dev and test rows instead.
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    train: Annotated[Sources, MinLen(1)]
    dev: Sources = ()
    test: Sources = ()
    split: Annotated[Annotated[SplitShares, Table()] | None, AfterValidator(not_twice)] = None
