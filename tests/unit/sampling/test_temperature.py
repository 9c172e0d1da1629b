import pytest

from polyhead.sampling.temperature import Temperature

ROWS = {"topic": 10_000, "mood": 100, "names": 1}


def test_temperature_one_is_proportional_to_size() -> None:
    assert Temperature().shares(ROWS) == {task: rows / 10_101 for task, rows in ROWS.items()}


def test_temperature_two_takes_square_roots() -> None:
    assert Temperature(temperature=2.0).shares(ROWS) == pytest.approx(
        {"topic": 100 / 111, "mood": 10 / 111, "names": 1 / 111}
    )


def test_a_high_temperature_is_uniform() -> None:
    assert Temperature(temperature=1e9).shares(ROWS) == pytest.approx(dict.fromkeys(ROWS, 1 / 3))


def test_a_cap_holds_large_tasks_down() -> None:
    assert Temperature(cap=300).shares(ROWS) == pytest.approx({"topic": 300 / 401, "mood": 100 / 401, "names": 1 / 401})


def test_the_cap_comes_before_the_temperature() -> None:
    shares = Temperature(temperature=2.0, cap=400).shares(ROWS)
    assert shares == pytest.approx({"topic": 20 / 31, "mood": 10 / 31, "names": 1 / 31})


def test_a_task_without_rows_gets_nothing() -> None:
    assert Temperature(temperature=3.0).shares({"topic": 5, "mood": 0}) == {"topic": 1.0, "mood": 0.0}


@pytest.mark.parametrize("rows", [{}, {"topic": 0}])
def test_no_row_at_all_is_refused(rows: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="must count a labelled row for some task"):
        Temperature().shares(rows)
