"""Errors say where, which rule, what was found and what to do."""

import inspect
import re
from pathlib import Path

import pytest

from polyhead import errors
from polyhead.errors import (
    SHOWN_FAULTS,
    DataError,
    Fault,
    FaultsError,
    MissingExtraError,
    NonFiniteLossError,
    PolyheadError,
    RecipeError,
    TrainingError,
    did_you_mean,
)

EXIT_STATUS = {
    "PolyheadError": 1,
    "UsageError": 2,
    "RecipeError": 2,
    "MissingExtraError": 2,
    "DataError": 1,
    "EncoderUnavailableError": 1,
    "FolderError": 1,
    "TrainingError": 1,
    "NonFiniteLossError": 1,
    "ExportError": 1,
    "StorageError": 1,
}
ERRORS = {
    name: error
    for name, error in vars(errors).items()
    if inspect.isclass(error) and issubclass(error, PolyheadError) and error is not FaultsError
}


def test_the_table_of_exit_statuses_holds_every_error() -> None:
    assert set(EXIT_STATUS) == set(ERRORS)


@pytest.mark.parametrize("name", EXIT_STATUS)
def test_an_error_has_its_exit_status(name: str) -> None:
    assert ERRORS[name].exit_status == EXIT_STATUS[name]


@pytest.mark.parametrize("name", EXIT_STATUS)
def test_the_tree_at_the_top_of_the_file_names_each_error_with_its_status(name: str) -> None:
    tree = (errors.__doc__ or "").splitlines()
    lines = [line.split() for line in tree if name in line.replace("└──", " ").replace("├──", " ").split()]
    assert len(lines) == 1
    assert name == "PolyheadError" or str(EXIT_STATUS[name]) in lines[0]


def test_a_fault_reads_where_rule_advice() -> None:
    assert str(Fault("tasks.topic", "weight must be >= 0. Found -1.")) == "tasks.topic: weight must be >= 0. Found -1."
    assert str(Fault("a.jsonl:3", "no text.", "Map it in `fields`.")) == "a.jsonl:3: no text. Map it in `fields`."


@pytest.mark.parametrize(("count", "title"), [(0, "0 faults"), (1, "1 fault"), (2, "2 faults")])
def test_an_error_of_faults_counts_them_in_its_first_line(count: int, title: str) -> None:
    error = DataError("news.jsonl", [Fault(f"news.jsonl:{line}", "broken.") for line in range(count)])
    assert str(error).splitlines()[0] == f"news.jsonl: {title}"
    assert len(str(error).splitlines()) == 1 + count


def test_an_error_of_many_faults_shows_the_first_and_keeps_them_all() -> None:
    faults = [Fault(f"news.jsonl:{line}", "broken.") for line in range(SHOWN_FAULTS + 7)]
    error = RecipeError("recipe.toml", iter(faults))
    lines = str(error).splitlines()
    assert error.faults == tuple(faults)
    assert len(lines) == SHOWN_FAULTS + 2
    assert lines[SHOWN_FAULTS] == f"  news.jsonl:{SHOWN_FAULTS - 1}: broken."
    assert lines[-1] == "  … and 7 more"


def test_exactly_as_many_faults_as_fit_are_all_shown() -> None:
    error = DataError("rows", [Fault("row", "broken.")] * SHOWN_FAULTS)
    assert "more" not in str(error)


def test_a_missing_extra_prints_the_line_that_installs_it() -> None:
    error = MissingExtraError("export", "torch", "train")
    assert str(error) == 'export needs torch. Install it with `pip install "polyhead[train]"`.'


def test_a_loss_that_is_not_a_number_names_task_step_and_value() -> None:
    error = NonFiniteLossError(task="topic", step=41, value=float("nan"))
    assert (error.task, error.step) == ("topic", 41)
    assert isinstance(error, TrainingError)
    for part in ("step 41", "'topic'", "nan", "training.learning_rate", "checkpoint is kept"):
        assert part in str(error)


@pytest.mark.parametrize(
    ("word", "advice"),
    [
        ("topik", "; did you mean 'topic'?"),
        ("entitys", "; did you mean 'entities'?"),
        ("zebra", "."),
        ("", "."),
    ],
)
def test_a_word_close_to_an_allowed_one_gets_a_suggestion(word: str, advice: str) -> None:
    assert did_you_mean(word, iter(["topic", "entities"])) == advice


def test_nobody_adds_a_mark_to_a_suggestion_which_ends_its_sentence() -> None:
    sources = [path.read_text() for path in Path(errors.__file__).parent.rglob("*.py")]
    callers = [line for text in sources for line in text.splitlines() if "did_you_mean(" in line]
    assert len(callers) > 15
    assert [line for line in callers if re.search(r"did_you_mean\(.*\)(}[.!?]| or )", line)] == []
