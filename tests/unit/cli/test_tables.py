import io

from rich.console import Console

from polyhead.cli.tables import show_metrics

METRICS = {
    "rows": 1200,
    "all_right": None,
    "tasks": {
        "topic": {
            "kind": "classification",
            "rows": 1000,
            "primary": 0.9,
            "accuracy": 0.9,
            "labels": {"[red]": {"precision": 1.0, "recall": 0.5, "f1": 2 / 3, "support": 1234}},
        },
        "stars": {"kind": "regression", "rows": 2, "primary": 0.25, "spearman": 0.25},
    },
}


def shown(*, labels: bool = True) -> str:
    console = Console(file=io.StringIO(), width=100)
    show_metrics(console, METRICS, title="test", labels=labels)
    return console.file.getvalue()  # pyright: ignore[reportAttributeAccessIssue]


def test_every_task_has_its_numbers() -> None:
    text = shown()
    for part in ("test: 1,200 rows", "topic", "0.900", "accuracy 0.900", "stars", "spearman 0.250"):
        assert part in text


def test_every_label_has_its_numbers_and_is_no_markup() -> None:
    text = shown()
    for part in ("[red]", "0.667", "1,234"):
        assert part in text


def test_labels_may_be_left_out() -> None:
    assert "[red]" not in shown(labels=False)


def test_no_row_with_every_label_is_no_share() -> None:
    assert "All tasks right" not in shown()
