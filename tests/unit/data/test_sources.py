"""Data sources of a recipe in every format: which rows they give, and how their faults are told."""

import gzip
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from polyhead.data.reading import RowsRead, passages_of, read_rows
from polyhead.errors import DataError, RecipeError
from polyhead.recipe import DataSource, parse_recipe
from polyhead.tasks.base import Task
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities
from polyhead.tasks.multilabel import Multilabel
from polyhead.tasks.regression import Regression
from polyhead.tasks.tagging import Tagging

Read = Callable[..., RowsRead]
SPANS = [(0, 9, "PER")]
CONLL = "Ada\tNNP\tI-PER\nQuill\tNNP\tI-PER\nran\tVBD\tO\n\nIt\tPRP\tO\nrains\tVBZ\tO\n"
PACKS = Path(__file__).parents[3].parent / "shared" / "data"


@pytest.fixture
def give(tmp_path: Path) -> Read:
    """Read one source that holds some content."""

    def read(name: str, content: str | bytes, tasks: dict[str, Task], **settings: Any) -> RowsRead:  # noqa: ANN401
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return read_rows([DataSource(path=settings.pop("path", name), **settings)], tasks, folder=tmp_path)

    return read


def places(read: RowsRead) -> list[str]:
    return [read.rows.place(row) for row in range(len(read.rows))]


def spans(read: RowsRead, task: str = "entities") -> list[list[tuple[int, int, str]]]:
    return [[(s.start, s.end, s.label) for s in value] for value in read.rows.values(task, range(len(read.rows)))]  # type: ignore[union-attr]


def test_rows_of_a_table_may_have_a_text_or_tokens(give: Read) -> None:
    content = 'text,tokens,pos,tags\nabc,,,"[""a""]"\n,"[""It"", ""rains""]","[""P"", ""V""]",\n'
    read = give("rows.csv", content, {"pos": Tagging(), "tags": Multilabel()})
    assert not read.faults
    assert read.rows.texts([0, 1]) == ["abc", "It rains"]
    assert read.rows.values("pos", [0, 1]) == [None, ("P", "V")]


@pytest.mark.parametrize("column", ["2", "-1"])
def test_a_column_of_conll_is_entities_or_tags(column: str, give: Read) -> None:
    tasks: dict[str, Task] = {"entities": Entities(), "pos": Tagging()}
    read = give("rows.conll", CONLL, tasks, fields={"entities": column, "pos": "1"})
    assert not read.faults
    assert places(read) == ["rows.conll:1", "rows.conll:5"]
    assert read.rows.texts(range(2)) == ["Ada Quill ran", "It rains"]
    assert spans(read) == [SPANS, []]
    tokens = read.rows.tokens([1])[0]
    assert tokens is not None
    assert tokens.tolist() == [[0, 2], [3, 8]]


def test_columns_of_conll_may_be_named_in_the_recipe(give: Read) -> None:
    read = give("rows.txt", CONLL, {"entities": Entities()}, columns=("tokens", "pos", "entities"))
    assert spans(read) == [SPANS, []]


def test_a_conll_file_without_names_tells_its_columns(give: Read) -> None:
    (fault,) = give("rows.conll", CONLL, {"entities": Entities()}).file_faults
    assert "Found the columns 'tokens', '1', '2'." in fault.rule


def test_csv_cells_are_what_the_tasks_ask_for(give: Read) -> None:
    tasks: dict[str, Task] = {"topic": Classification(), "score": Regression(), "tags": Multilabel()}
    content = 'text,text_pair,topic,score,tags\na,b,1,2.5,"[""x""]"\nc,,,,\n"d",,2,many,\n'
    read = give("rows.csv.gz", gzip.compress(content.encode()), tasks)
    assert places(read) == ["rows.csv.gz:2", "rows.csv.gz:3"]
    assert (read.rows.pairs([0, 1]), read.rows.values("topic", [0, 1])) == (["b", None], ["1", None])
    assert read.rows.labelled.tolist() == [[True, True, True], [False, False, False]]
    (fault,) = read.faults
    assert fault.where == "rows.csv.gz:4"
    assert "Found 'many'" in fault.rule


def test_the_joint_layout_is_a_folder(give: Read, tmp_path: Path) -> None:
    (tmp_path / "train").mkdir()
    (tmp_path / "train" / "seq.out").write_text("O B-genre\nO\n")
    (tmp_path / "train" / "label").write_text("PlayMusic\nStop\n")
    tasks: dict[str, Task] = {"intent": Classification(), "entities": Entities()}
    read = give("train/seq.in", "play jazz\nstop\n", tasks, path="train")
    assert places(read) == ["train:1", "train:2"]
    assert (read.rows.values("intent", [0]), spans(read)) == (["PlayMusic"], [[(5, 9, "genre")], []])


def test_choices_are_one_label_or_several(give: Read) -> None:
    rows = [{"text": "a", "label": ["x"], "Comments": []}, {"text": "b", "label": ["x", "y"], "Comments": []}]
    content = "\n".join(map(json.dumps, rows))
    assert give("rows.jsonl", content, {"label": Multilabel()}).rows.counts("label") == {"x": 2, "y": 1}
    read = give("rows.jsonl", content, {"label": Classification()})
    assert read.rows.values("label", [0]) == ["x"]
    assert [fault.where for fault in read.faults] == ["rows.jsonl:2"]


def test_the_recipe_may_name_the_format(give: Read) -> None:
    read = give("rows.data", "[Ada Quill](PER) ran\n", {"entities": Entities()}, format="markup")
    assert (spans(read), read.rows.texts([0])) == ([SPANS], ["Ada Quill ran"])


def test_a_format_that_the_file_is_not_of_is_one_fault(give: Read) -> None:
    assert "must be Parquet" in give("a.jsonl", "{}\n", {"t": Tagging()}, format="parquet").file_faults[0].rule
    (fault,) = give("a.jsonl", "{}\n", {"t": Tagging()}, format="joint").file_faults
    assert fault.rule == "the format joint is a folder. Found a file."


def test_a_packed_file_that_is_cut_is_one_fault(give: Read) -> None:
    content = gzip.compress(b'{"text": "a", "topic": "x"}\n' * 10_000)[:-20]
    (fault,) = give("rows.jsonl.gz", content, {"topic": Classification()}).file_faults
    assert "whole" in fault.rule or "readable" in fault.rule


def test_texts_are_read_without_a_look_at_labels(give: Read, tmp_path: Path) -> None:
    give("rows.jsonl", '{"headline": "a", "topic": 3}\n{"headline": 4}\n{"tokens": ["b", "c"]}\n', {"t": Tagging()})
    source = DataSource(path="rows.jsonl", fields={"text": "headline"})
    assert [passage.text for passage in passages_of(source, folder=tmp_path)] == ["a", "b c"]
    with pytest.raises(DataError, match="must exist"):
        list(passages_of(DataSource(path="absent.jsonl"), folder=tmp_path))


def test_keys_of_a_source_are_checked(tmp_path: Path) -> None:
    document = {
        "encoder": {"name": "compact"},
        "tasks": {"topic": {"kind": "classification"}},
        "data": {"train": [{"path": "a", "format": "cvs", "columns": "text", "fields": {"txt": "a"}}]},
    }
    with pytest.raises(RecipeError) as caught:
        parse_recipe(document, folder=tmp_path, source="recipe.toml")
    said = str(caught.value)
    assert "data.train[0].format: must be one of 'jsonl'" in said
    assert "did you mean 'csv'?" in said
    assert "data.train[0].columns: must be a list" in said
    assert "must be 'text', 'text_pair', 'tokens' or the name of a task" in said


@pytest.mark.skipif(not PACKS.is_dir(), reason="the packs of real rows are not here")
@pytest.mark.parametrize("form", ["conll", "joint", "parquet", "label-studio"])
def test_real_rows_come_back_as_they_were(form: str, tmp_path: Path) -> None:
    from polyhead.data.converting import convert

    source = DataSource(path=str(PACKS / "snips" / "dev.jsonl"))
    convert(source, tmp_path / "there", form)
    tasks: dict[str, Task] = {"intent": Classification(), "entities": Entities()}
    before, after = (
        read_rows([each], tasks, folder=Path())
        for each in (source, DataSource(path=str(tmp_path / "there"), format=form))
    )
    assert not after.faults
    assert not after.file_faults
    assert spans(before) == spans(after)
    for values in ("intent", "entities"):
        assert before.rows.counts(values) == after.rows.counts(values)
