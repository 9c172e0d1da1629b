import dataclasses
import importlib
import sys
import tomllib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from polyhead.errors import Fault, RecipeError, UsageError
from polyhead.recipe import (
    DataSource,
    DataSources,
    EncoderSettings,
    Recipe,
    TrainingSettings,
    load_recipe,
    parse_recipe,
    recipe_to_toml,
)
from polyhead.registry import kinds
from polyhead.sampling.temperature import Temperature
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities

SMALLEST = """
[encoder]
name = "compact"
[tasks.topic]
kind = "classification"
[[data.train]]
path = "train.jsonl"
"""

FULL = """
on_bad_rows = "skip"
[encoder]
name = "some/encoder"
pooling = "attention"
projection = 64
max_tokens = 128
[tasks.topic]
kind = "classification"
labels = ["Technology", "Science/Health"]
head = "mlp"
hidden = 512
dropout = 0.2
weight = 2
[tasks.a-second_1]
kind = "entities"
labels = ["PERSON"]
[[data.train]]
path = "news.jsonl"
fields = { text = "headline", topic = "category" }
[[data.train]]
path = "more.jsonl"
[[data.dev]]
path = "dev.jsonl"
[sharing]
kind = "hard"
[sampling]
kind = "temperature"
temperature = 2.0
cap = 1000
[balancing]
kind = "fixed"
[training]
max_steps = 100
learning_rate = 2e-5
trackers = ["tensorboard"]
precision = "bfloat16"
seed = 7
"""

# One changed key of the smallest recipe; the path of its fault; what the fault must say.
FAULTS = [
    ("encoder=3", "encoder", "must be a table. Found 3."),
    ("encoder.name=''", "encoder.name", "must not be empty"),
    ("encoder.name=5", "encoder.name", "must be a string. Found 5."),
    ("encoder.nam='x'", "encoder.nam", "did you mean 'name'?"),
    ("encoder.pooling=maen", "encoder.pooling", "'last', 'max', 'attention'. Found 'maen'; did you mean 'mean'?"),
    ("encoder.projection=0", "encoder.projection", "must be greater than 0. Found 0."),
    ("encoder.projection=1.5", "encoder.projection", "must be a whole number. Found 1.5."),
    ("encoder.max_tokens=7", "encoder.max_tokens", "must be at least 8. Found 7."),
    ("encoder.max_tokens=true", "encoder.max_tokens", "must be a whole number. Found true."),
    ("tasks={}", "tasks", "must have 1 or more items. Found a table."),
    ("tasks.topic='classification'", "tasks.topic", "must be a table. Found 'classification'."),
    ("tasks.text={kind='classification'}", "tasks.text", "must be none of 'text', 'text_pair', 'tokens'"),
    ("tasks.9x={kind='classification'}", "tasks.9x", "a letter first. Found '9x'."),
    ("tasks.topic.kind=clasification", "tasks.topic.kind", "did you mean 'classification'?"),
    ("tasks.topic.kind=['entities']", "tasks.topic.kind", "must be one of 'classification'"),
    ("tasks.other={weight=1.0}", "tasks.other.kind", "is required: one of 'classification'"),
    ("tasks.topic.droput=0.1", "tasks.topic.droput", "did you mean 'dropout'? It takes kind, weight"),
    ("tasks.topic.balance=[1.0]", "tasks.topic.balance", "is no key of this table: training fills it in."),
    ("tasks.stars={kind='ordinal'}", "tasks.stars.labels", "is required."),
    (
        "tasks.t={kind='classification',labels=['a','b'],class_weights={c=1.0}}",
        "tasks.t",
        "must name labels of the task. Found 'c'.",
    ),
    ("encoder.overlap=0.6", "encoder.overlap", "must be at most 0.5. Found 0.6."),
    ("tasks.topic.dropout=1.0", "tasks.topic.dropout", "must be less than 1.0. Found 1.0."),
    ("tasks.topic.dropout='0.1'", "tasks.topic.dropout", "must be a number. Found '0.1'."),
    ("tasks.topic.head=mpl", "tasks.topic.head", "must be one of 'linear', 'mlp'. Found 'mpl'; did you mean 'mlp'?"),
    ("tasks.topic.head='{gt}'", "tasks.topic.head", "Found '{gt}'."),
    ("tasks.topic.hidden=0", "tasks.topic.hidden", "must be greater than 0"),
    ("tasks.topic.weight=-1.0", "tasks.topic.weight", "must be at least 0.0. Found -1.0."),
    ("tasks.topic.weight=inf", "tasks.topic.weight", "must be a finite number. Found inf."),
    ("tasks.topic.weight=0.0", "tasks", "nothing would be trained"),
    ("tasks.topic.labels=a", "tasks.topic.labels", "must be a list. Found 'a'."),
    ("tasks.topic.labels=[]", "tasks.topic.labels", "or more items. Found []."),
    ("tasks.topic.labels=['a']", "tasks.topic.labels", "must have 2 or more items. Found ['a']."),
    ("tasks.topic.labels=['a', 'b', 'a']", "tasks.topic.labels", "Found more often: 'a'."),
    ("tasks.topic.labels=['a', '']", "tasks.topic.labels[1]", "must not be empty"),
    ("tasks.topic.labels=['a', 1]", "tasks.topic.labels[1]", "must be a string. Found 1."),
    ("tasks.names={kind='entities', labels=[]}", "tasks.names.labels", "must have 1 or more items"),
    ("data.train=[]", "data.train", "must have 1 or more items. Found []."),
    ("data.train={path='x'}", "data.train", "double brackets"),
    ("data.tran=[]", "data.tran", "did you mean 'train'? It takes train, dev, test, split."),
    ("data.train[0].path=3", "data.train[0].path", "must be a string"),
    ("data.dev=[{}]", "data.dev[0].path", "is required."),
    ("data.train[0].fields={txt='a'}", "data.train[0].fields.txt", "Found 'txt'; did you mean 'text'?"),
    ("data.train[0].fields={topik='a'}", "data.train[0].fields.topik", "did you mean 'topic'?"),
    ("data.train[0].fields={topic=''}", "data.train[0].fields.topic", "must not be empty"),
    ("data.train[0].fields=3", "data.train[0].fields", "must be a table. Found 3."),
    ("sharing.kind=softer", "sharing.kind", "must be one of "),
    ("sampling.kind=os", "sampling.kind", "Found 'os'."),
    ("sampling.temperature=0.5", "sampling.temperature", "must be at least 1.0. Found 0.5."),
    ("sampling.cap=0", "sampling.cap", "must be greater than 0"),
    ("balancing.kind=fixd", "balancing.kind", "did you mean 'fixed'?"),
    ("balancing.beta=1", "balancing.beta", "is no key of this table. It takes kind."),
    ("training.epochs=0", "training.epochs", "must be greater than 0"),
    ("training={epochs=1, max_steps=5}", "training.max_steps", "must not be given beside `epochs`. Found 5."),
    ("training.warmup=1.0", "training.warmup", "must be less than 1.0"),
    ("training.swap_entities=1.1", "training.swap_entities", "must be at most 1.0"),
    ("training.learning_rate=nan", "training.learning_rate", "must be a finite number"),
    ("training.trackers=['wandb']", "training.trackers[0]", "must be one of 'tensorboard'. Found 'wandb'."),
    ("training.seed=4294967296", "training.seed", "must be less than 4294967296"),
    ("training.seed=1979-05-27", "training.seed", "must be a whole number"),
    ("trainig.epochs=3", "trainig", "did you mean 'training'?"),
    ("on_bad_rows=ignore", "on_bad_rows", "must be one of 'refuse', 'skip'. Found 'ignore'."),
    ("folder='/etc'", "folder", "is no key of the recipe"),
]


def parse(text: str, folder: Path = Path()) -> Recipe:
    return parse_recipe(tomllib.loads(text), folder=folder, source="recipe.toml")


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def faults_with(path: Path, *overrides: str) -> tuple[Fault, ...]:
    with pytest.raises(RecipeError) as caught:
        load_recipe(path, overrides=overrides)
    return caught.value.faults


@pytest.mark.parametrize(("change", "where", "saying"), FAULTS)
def test_a_fault_is_told_at_its_exact_path(tmp_path: Path, change: str, where: str, saying: str) -> None:
    (fault,) = faults_with(write(tmp_path, SMALLEST), change)
    assert fault.where == where
    assert saying in str(fault)


def test_all_faults_come_at_once(tmp_path: Path) -> None:
    compatible = ["encoder.pooling=maen", "encoder.max_tokens=7", "encoder.nam='x'", "tasks.topic.dropout=1.0"]
    compatible += ["tasks.topic.droput=0.1", "tasks.9x={kind='classification'}", "data.train[0].path=3", "data.tran=[]"]
    compatible += ["sampling.kind=os", "balancing.beta=1", "training.warmup=1.0", "trainig.epochs=3", "folder='/etc'"]
    expected = {where for change, where, _ in FAULTS if change in compatible}
    assert len(expected) == len(compatible)
    faults = faults_with(write(tmp_path, SMALLEST), *compatible, "no assignment")
    assert {fault.where for fault in faults} == {*expected, "--set no assignment"}


def test_an_empty_recipe_names_every_required_table() -> None:
    with pytest.raises(RecipeError, match=r"recipe\.toml: 3 faults") as caught:
        parse("")
    assert [str(fault) for fault in caught.value.faults] == [
        "encoder: is required.",
        "tasks: is required.",
        "data: is required.",
    ]


def test_a_long_value_is_shown_short(tmp_path: Path) -> None:
    (fault,) = faults_with(write(tmp_path, SMALLEST), f"encoder.pooling={'x' * 5000}")
    assert len(str(fault)) < 300
    assert "xxx…" in str(fault)


def test_only_encoder_one_task_and_training_data_are_needed() -> None:
    assert parse(SMALLEST) == Recipe(
        encoder=EncoderSettings(name="compact"),
        tasks={"topic": Classification()},
        data=DataSources(train=(DataSource(path="train.jsonl"),)),
    )


def test_a_full_recipe_is_read_as_written() -> None:
    recipe = parse(FULL)
    assert list(recipe.tasks) == ["topic", "a-second_1"]
    assert recipe.tasks["topic"] == Classification(
        labels=("Technology", "Science/Health"), head="mlp", hidden=512, dropout=0.2, weight=2.0
    )
    assert recipe.tasks["a-second_1"] == Entities(labels=("PERSON",))
    assert recipe.data.train[0].fields == {"text": "headline", "topic": "category"}
    assert recipe.sampling == Temperature(temperature=2.0, cap=1000)
    assert recipe.training == TrainingSettings(
        max_steps=100, learning_rate=2e-5, trackers=("tensorboard",), precision="bfloat16", seed=7
    )
    assert recipe.on_bad_rows == "skip"


def test_whole_numbers_are_taken_where_numbers_are() -> None:
    assert repr(parse(FULL).tasks["topic"].weight) == "2.0"


@pytest.mark.parametrize("text", [SMALLEST, FULL])
def test_a_recipe_survives_being_written_as_toml(text: str) -> None:
    recipe = parse(text)
    again = parse(recipe_to_toml(recipe))
    assert again == recipe
    assert list(again.tasks) == list(recipe.tasks)


@settings(max_examples=50, deadline=None, derandomize=True)
@given(
    labels=st.lists(st.text(st.characters(codec="utf-8"), min_size=1), min_size=2, unique=True),
    path=st.text(st.characters(codec="utf-8"), min_size=1),
    dropout=st.floats(0, 1, exclude_max=True),
)
def test_any_text_and_number_survives_toml(labels: list[str], path: str, dropout: float) -> None:
    recipe = Recipe(
        encoder=EncoderSettings(name=path),
        tasks={"topic": Classification(labels=tuple(labels), dropout=dropout)},
        data=DataSources(train=(DataSource(path=path, fields={"text": path}),)),
    )
    assert parse(recipe_to_toml(recipe)) == recipe


def test_a_document_states_kinds_first_and_leaves_out_what_is_absent() -> None:
    document = parse(SMALLEST).to_document()
    assert next(iter(document["tasks"]["topic"])) == "kind"
    assert document["sharing"] == {"kind": "hard"}
    assert document["sampling"] == {"kind": "temperature", "mix": True, "temperature": 1.0}
    assert "epochs" not in document["training"]
    assert "folder" not in document


def test_a_table_without_a_kind_means_the_default_kind() -> None:
    assert parse(SMALLEST + "[sampling]\ntemperature = 4.0").sampling == Temperature(temperature=4.0)


def test_the_folder_of_the_file_is_where_paths_start(tmp_path: Path) -> None:
    recipe = load_recipe(write(tmp_path, SMALLEST))
    assert recipe.folder == tmp_path
    assert recipe == parse(SMALLEST)


@pytest.mark.parametrize("record", ["encoder", "data", "sharing", "sampling", "balancing", "training", None])
def test_records_are_frozen(record: str | None) -> None:
    recipe = parse(FULL)
    target = getattr(recipe, record) if record else recipe
    with pytest.raises(dataclasses.FrozenInstanceError):
        target.anything = 1


def test_the_tables_of_a_recipe_cannot_be_changed() -> None:
    recipe = parse(FULL)
    with pytest.raises(TypeError):
        recipe.tasks["other"] = Entities()
    with pytest.raises(TypeError):
        recipe.data.train[0].fields["topic"] = "other"


def test_other_tasks_make_another_recipe() -> None:
    recipe = parse(SMALLEST)
    filled = recipe.with_tasks({"topic": Classification(labels=("a", "b"))})
    assert filled.tasks["topic"].labels == ("a", "b")
    assert recipe.tasks["topic"].labels is None
    assert filled.with_tasks(recipe.tasks) == recipe


@pytest.mark.parametrize("kind", [kind for kind in kinds("tasks") if kind != "ordinal"])
def test_words_count_more_than_texts_unless_the_recipe_says_so(kind: str) -> None:
    task = parse(SMALLEST.replace("classification", kind)).tasks["topic"]
    assert task.weight == (5.0 if task.level == "words" else 1.0)
    weighed = parse(SMALLEST.replace('"classification"', f'"{kind}"\nweight = 2.5')).tasks["topic"]
    assert weighed.weight == 2.5


@pytest.mark.parametrize("family", ["sampling", "balancing", "sharing"])
@pytest.mark.parametrize("kind", ["os", "subprocess", "turtle", "base", "__init__", "../tasks", "polyhead.registry"])
def test_a_kind_never_imports_a_module_of_its_choice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, family: str, kind: str
) -> None:
    path = write(tmp_path, SMALLEST)
    load_recipe(path)
    imported: list[str] = []
    original = importlib.import_module
    monkeypatch.setattr(importlib, "import_module", lambda name: imported.append(name) or original(name))
    before = set(sys.modules)
    (fault,) = faults_with(path, f"{family}.kind='{kind}'")
    assert fault.where == f"{family}.kind"
    assert set(imported) <= {f"polyhead.{family}", "polyhead.tasks.base", "polyhead.tasks.classification"}
    assert set(sys.modules) == before


def test_a_task_kind_never_imports_a_module_of_its_choice(tmp_path: Path) -> None:
    events = []
    watching = True
    sys.addaudithook(lambda event, arguments: events.append(arguments[0]) if watching and event == "import" else None)
    path = write(tmp_path, SMALLEST)
    load_recipe(path)
    events.clear()
    (fault,) = faults_with(path, "tasks.topic.kind='turtle'")
    watching = False
    assert fault.where == "tasks.topic.kind"
    assert events == []


@pytest.mark.parametrize(
    ("table", "path", "rule"),
    [
        ('[sampling]\nkind = "fixed"\nparts = { topci = 2.0 }', "sampling", "did you mean 'topic'"),
        ('[sampling]\nkind = "round_robin"\nmix = true', "sampling.mix", "take turns"),
        ('[sharing]\nkind = "lora"\ngroups_of = { a = ["topci"] }', "sharing", "did you mean 'topic'"),
        ('[sharing]\nkind = "soft"\n[balancing]\nkind = "pcgrad"', "balancing", "what all tasks share"),
        ('[sharing]\nkind = "soft"\n[balancing]\nkind = "gradnorm"', "balancing", "no layer is common"),
        ('[sampling]\nkind = "fixed"\nparts = { topci = 2.0, mod = 1.0 }', "sampling", "Found 'mod'; did you mean"),
        ('[training]\nfreeze = "some"', "training.freeze", "must be one of"),
        ("[training]\nfreeze = 0", "training.freeze", "how many of the first layers"),
        ("[training]\nlayer_decay = 0.0", "training.layer_decay", "greater than 0"),
    ],
)
def test_settings_of_sharing_and_competing_are_checked(table: str, path: str, rule: str, tmp_path: Path) -> None:
    file = tmp_path / "recipe.toml"
    two = '[encoder]\nname = "compact"\n[tasks.topic]\nkind = "classification"\n[tasks.mood]\nkind = "classification"\n'
    file.write_text(f'{two}[[data.train]]\npath = "rows.jsonl"\n{table}\n')
    with pytest.raises(RecipeError) as caught:
        load_recipe(file)
    (fault,) = caught.value.faults
    assert fault.where == path
    assert rule in str(fault)


def test_overrides_are_a_list(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="put it in a list"):
        load_recipe(write(tmp_path, SMALLEST), overrides="training.epochs=5")
