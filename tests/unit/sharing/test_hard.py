import pytest

from polyhead.sharing.hard import Hard


@pytest.mark.parametrize("tasks", [1, 2, 50])
def test_one_pass_answers_any_number_of_tasks(tasks: int) -> None:
    assert Hard().passes([f"task{number}" for number in range(tasks)]) == 1
