import pyarrow as pa
import pytest

from polyhead.data.columns import FILE, LINE, TEXT, column_of, schema_of
from polyhead.tasks.base import Task


def test_a_table_has_a_column_for_each_task(tasks: dict[str, Task]) -> None:
    schema = schema_of(tasks)
    assert schema.names == [TEXT, FILE, LINE, "task.topic", "task.entities"]
    assert schema.field("task.topic").type == pa.string()
    assert schema.field("task.entities").type == tasks["entities"].column_type()


@pytest.mark.parametrize("name", [TEXT, FILE, LINE])
def test_no_task_name_takes_the_place_of_another_column(name: str) -> None:
    assert column_of(name) not in {TEXT, FILE, LINE}
