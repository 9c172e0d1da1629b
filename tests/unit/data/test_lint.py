"""What `polyhead check` finds and counts, the odd as well as the wrong."""

import json
from collections.abc import Callable

import pytest

from polyhead.data import label_oddities, lint
from polyhead.data.lint import Report, inspect
from polyhead.data.rows import Rows
from polyhead.recipe import Recipe
from polyhead.text.tokens import TextTokenizer

Save = Callable[..., str]
MakeRecipe = Callable[..., Recipe]


@pytest.fixture(autouse=True)
def _two_rows_are_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(label_oddities, "FEW", 2)


def row(text: str, topic: str | None = None, *spans: tuple[int, int, str]) -> dict[str, object]:
    entities = [{"start": start, "end": end, "label": label} for start, end, label in spans]
    return {"text": text, "topic": topic, "entities": entities if spans else None}


TRAIN = (
    row("Acme pays", "x", (0, 4, "ORG")),
    row("Acme sells", "x", (0, 4, "ORG")),
    row("it rains", "y"),
    row("it snows", "y"),
)
DEV = (row("Bolt pays", "x", (0, 4, "ORG")),)


def told(report: Report, level: str) -> list[str]:
    found = [finding for finding in report.findings if finding.level == level]
    return [f"{finding.where}: {finding.rule} {finding.advice}".strip() for finding in found]


def test_clean_data_has_no_findings(save: Save, make_recipe: MakeRecipe) -> None:
    report = inspect(make_recipe(splits={"train": [save(*TRAIN)], "dev": [save(*DEV, name="dev.jsonl")]}))
    assert (report.findings, report.faults) == ((), 0)
    assert report.rows == {"train": 4, "dev": 1}


def test_the_tables_count_rows_and_labels_by_split(save: Save, make_recipe: MakeRecipe) -> None:
    tasks = {"topic": {"kind": "classification", "labels": ["z", "y", "x"]}, "entities": {"kind": "entities"}}
    splits = {"train": [save(*TRAIN)], "dev": [save(*DEV, name="dev.jsonl")]}
    report = inspect(make_recipe(tasks=tasks, splits=splits))
    topic, entities = report.tasks["topic"], report.tasks["entities"]
    assert (topic.kind, topic.rows) == ("classification", {"train": 4, "dev": 1})
    assert list(topic.labels.items()) == [
        ("z", {"train": 0, "dev": 0}),
        ("y", {"train": 2, "dev": 0}),
        ("x", {"train": 2, "dev": 1}),
    ]
    assert (entities.rows, entities.labels) == ({"train": 2, "dev": 1}, {"ORG": {"train": 2, "dev": 1}})


def test_faults_of_rows_files_and_tasks_are_all_there(save: Save, make_recipe: MakeRecipe) -> None:
    splits = {"train": [save(row("a", "x"), row("b", "y"), "broken")], "dev": ["absent.jsonl"]}
    report = inspect(make_recipe(splits=splits))
    assert [fault.split(": ")[0] for fault in told(report, "fault")] == [
        "rows.jsonl:3",
        "absent.jsonl",
        "tasks.entities",
    ]
    assert report.faults == 3


def test_rows_that_are_skipped_are_warnings(save: Save, make_recipe: MakeRecipe) -> None:
    splits = {"train": [save(*TRAIN, "broken", row("Acmes", None, (0, 4, "ORG")))], "dev": [save(*DEV, name="d.jsonl")]}
    report = inspect(make_recipe(splits=splits, on_bad_rows="skip"))
    assert report.faults == 0
    assert [warning.split(": ")[0] for warning in told(report, "warning")] == ["rows.jsonl:5", "rows.jsonl:6"]


def test_a_span_that_cuts_a_word_is_a_fault_in_every_split(
    save: Save, make_recipe: MakeRecipe, tokenizer: TextTokenizer
) -> None:
    cut = row("Boltless pays", "x", (0, 4, "ORG"))
    splits = {split: [save(*TRAIN, cut, name=f"{split}.jsonl")] for split in ("train", "dev", "test")}
    recipe = make_recipe(splits=splits)
    for report in (inspect(recipe), inspect(recipe, tokenizer)):
        assert [fault.split(": ")[0] for fault in told(report, "fault")] == [
            "train.jsonl:5",
            "dev.jsonl:5",
            "test.jsonl:5",
        ]
        assert "Found 'Bolt' (0-4) within the words 0-8." in told(report, "fault")[0]


def test_a_label_seen_once_is_named_with_its_row_and_a_close_one(save: Save, make_recipe: MakeRecipe) -> None:
    rows = [row("a", "sports"), row("b", "sport"), row("c", "sports"), *TRAIN, row("Acme", None, (0, 4, "PER"))]
    report = inspect(make_recipe(splits={"train": [save(*rows)], "dev": [save(*DEV, name="dev.jsonl")]}))
    assert told(report, "warning") == [
        (
            "rows.jsonl:2: topic: a label should occur 2 times or more in train. Found 'sport' once; did you mean "
            "'sports'? Correct the label, or add rows that bear it."
        ),
        (
            "rows.jsonl:8: entities: a label should occur 2 times or more in train. Found 'PER' once. "
            "Correct the label, or add rows that bear it."
        ),
    ]


def test_labels_that_were_never_trained_are_named(save: Save, make_recipe: MakeRecipe) -> None:
    tasks = {"topic": {"kind": "classification", "labels": ["x", "y", "z", "w"]}, "entities": {"kind": "entities"}}
    splits = {
        "train": [save(*TRAIN)],
        "dev": [save(*DEV, row("new", "z"), row("newer", "z"), name="dev.jsonl")],
        "test": [save(row("Cole", None, (0, 4, "PER")), name="test.jsonl")],
    }
    assert told(inspect(make_recipe(tasks=tasks, splits=splits)), "warning") == [
        (
            "tasks.topic.labels: topic: a label should occur in train. Found 'z' in no row. "
            "Add rows that bear it, or remove it."
        ),
        (
            "tasks.topic.labels: topic: a label should occur in train. Found 'w' in no row. "
            "Add rows that bear it, or remove it."
        ),
        (
            "dev.jsonl:2: topic: a label of dev should occur in train. Found 'z' 2 times. "
            "It can only be answered wrongly: add training rows that bear it."
        ),
        (
            "test.jsonl:1: entities: a label of test should occur in train. Found 'PER' once. "
            "It can only be answered wrongly: add training rows that bear it."
        ),
    ]


def test_a_dev_label_that_was_never_trained_is_a_fault_when_none_are_declared(
    save: Save, make_recipe: MakeRecipe
) -> None:
    splits = {"train": [save(*TRAIN)], "dev": [save(*DEV, row("new", "z"), name="dev.jsonl")]}
    (fault,) = told(inspect(make_recipe(splits=splits)), "fault")
    assert fault.startswith("dev.jsonl:2: topic: a label must be among the labels of the training rows. Found 'z'.")


def test_a_task_without_dev_rows_is_named(save: Save, make_recipe: MakeRecipe) -> None:
    train = [save(*TRAIN)]
    advice = "Without them the task takes no part in the choice of the best epoch. `split = { dev = 0.1 }` makes some."
    assert told(inspect(make_recipe(splits={"train": train})), "warning") == [
        f"data.dev: {task}: a task should have labelled dev rows. Found none. {advice}"
        for task in ("topic", "entities")
    ]
    dev = [save(row("new", "x"), name="dev.jsonl")]
    assert told(inspect(make_recipe(splits={"train": train, "dev": dev})), "warning") == [
        f"data.dev: entities: a task should have labelled dev rows. Found none. {advice}"
    ]


def test_repeated_texts_are_named(save: Save, make_recipe: MakeRecipe) -> None:
    splits = {"train": [save(*TRAIN, row("it rains", "x"))], "dev": [save(*DEV, TRAIN[0], name="dev.jsonl")]}
    warnings = told(inspect(make_recipe(splits=splits)), "warning")
    assert [warning.split(" Found")[0] for warning in warnings] == [
        "dev.jsonl:2: a text should be in one split only.",
        "rows.jsonl:5: a text should occur once in a split.",
        "rows.jsonl:5: topic: equal texts should have equal labels.",
    ]


def test_the_report_is_plain_json(save: Save, make_recipe: MakeRecipe) -> None:
    report = inspect(make_recipe(splits={"train": [save(*TRAIN, "broken")]}))
    document = json.loads(json.dumps(report.to_json()))
    assert document == report.to_json()
    assert (document["faults"], document["warnings"], document["rows"]) == (1, 2, {"train": 4})
    assert document["findings"][0] == {
        "level": "fault",
        "where": "rows.jsonl:5",
        "rule": "a line must be one JSON object. Found 'Expecting value' at column 1.",
        "advice": "",
    }
    assert document["tasks"]["topic"] == {
        "kind": "classification",
        "rows": {"train": 4},
        "labels": {"x": {"train": 2}, "y": {"train": 2}},
        "imbalance": 1.0,
        "lengths": {"median": 2, "most": 2, "longest": 2, "windowed": 0, "measured": 4},
    }
    assert (document["measured_in"], document["max_tokens"]) == ("words", 512)


def test_the_tokenizer_may_be_made_of_the_training_rows(
    save: Save, make_recipe: MakeRecipe, tokenizer: TextTokenizer
) -> None:
    seen: list[int] = []

    def make(rows: Rows) -> TextTokenizer:
        seen.append(len(rows))
        return tokenizer

    report = inspect(make_recipe(splits={"train": [save(*TRAIN)], "dev": [save(*DEV, name="dev.jsonl")]}), make)
    assert (seen, report.measured_in, report.max_tokens) == ([4], "tokens", 8)
    assert inspect(make_recipe(splits={"train": ["absent.jsonl"]}), make).measured_in == "words"


def test_imbalance_is_of_the_most_to_the_least_frequent_label(save: Save, make_recipe: MakeRecipe) -> None:
    rows = [*TRAIN, row("a", "x"), row("b", "x")]
    report = inspect(make_recipe(splits={"train": [save(*rows)]}))
    assert (report.tasks["topic"].imbalance, report.tasks["entities"].imbalance) == (2.0, 1.0)


def test_large_splits_are_held_to_the_words_of_their_texts(
    save: Save, make_recipe: MakeRecipe, tokenizer: TextTokenizer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lint, "ALIGNED_ROWS", 1)
    recipe = make_recipe(splits={"train": [save(*TRAIN, row("Boltless pays", "x", (0, 4, "ORG")))]})
    report = inspect(recipe, tokenizer)
    assert (report.faults, report.aligned_by_text) == (1, ("train",))
    assert report.to_json()["aligned_by_text"] == ["train"]
    assert inspect(recipe).aligned_by_text == ()
