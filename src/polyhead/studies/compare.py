"""Does it help to share the encoder? Train all tasks together and each alone, and compare them on the same rows."""

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from polyhead.data.dataset import Dataset, load_dataset
from polyhead.data.rows import Rows
from polyhead.errors import DataError, Fault, UsageError
from polyhead.loading import load
from polyhead.recipe import Recipe
from polyhead.runtime.predictor import Predictor
from polyhead.studies.alone import recipe_alone
from polyhead.studies.comparison import FEWEST_ROWS, Comparison, Cost, compare_models
from polyhead.studies.differences import grouped
from polyhead.studies.report import write_report
from polyhead.studies.runs import Run, StudyFolder
from polyhead.studies.scoring import Scores, joined, milliseconds_a_text, score
from polyhead.training.preparation import aligned
from polyhead.training.progress import Progress, Silent

FEWEST_SEEDS, FEWEST_TASKS = 2, 2
SEEDS = 3


def compare(
    recipe: Recipe,
    *,
    output: str | Path,
    seeds: int = SEEDS,
    resume: bool = False,
    progress: Callable[[], Progress] = Silent,
) -> Comparison:
    """Tell for each task of a recipe whether training it together with the others helps.

    Each task is trained alone as the recipe says, on the rows that are labelled for it; sharing, sampling and
    balancing, which are about several tasks, are the defaults. What the recipe leaves open follows from those rows.

    Args:
        recipe: two tasks or more, with test rows for each, or dev rows, which also choose the epochs.
        output: the folder to make, for the models of each seed, `report.json` and `report.html`.
        seeds: how often everything is trained, with the recipe's seed and those that follow it.
        resume: go on with what was interrupted there; what is finished is not trained again.
        progress: makes whoever is told about one training.

    Raises:
        UsageError: there is one task or one seed only; `output` has content and `resume` is not given, or it is of
            another recipe, or another comparison writes to it.
        DataError: rows are wrong, or too few to judge a task by.
        StorageError: a file cannot be written.
    """
    names = _names(recipe, seeds=seeds)
    # Rows that training would leave out for one task are left out for all, so that both ways have the same.
    data = aligned(load_dataset(recipe), None, skip=recipe.on_bad_rows == "skip")
    split = _judging_split(data, names)
    numbers = [recipe.training.seed + number for number in range(seeds)]
    runs = [Run(seed, task) for seed in numbers for task in (None, *names)]
    with StudyFolder.opened(Path(output), recipe, resume=resume) as folder:
        for number, run in enumerate(runs, start=1):
            told = progress()
            told.note(f"{run}: training {number} of {len(runs)}")
            _train(folder, run, recipe, data, progress=told)
        rows = data.splits()[split]
        progress().note(f"{len(runs)} models are asked about {len(rows):,} {split} rows")
        comparison = _compared(folder, rows, names, seeds=numbers, split=split)
        write_report(comparison, folder.path)
    return comparison


def _names(recipe: Recipe, *, seeds: int) -> list[str]:
    """List the tasks that are trained."""
    if seeds < FEWEST_SEEDS:
        message = f"`seeds` must be {FEWEST_SEEDS} or more: one tells nothing about chance. Found {seeds}."
        raise UsageError(message)
    if int(os.environ.get("WORLD_SIZE", "1")) > 1:
        message = "`compare` runs in one process: start it by itself, without `torchrun` or `accelerate launch`."
        raise UsageError(message)
    names = [name for name, task in recipe.tasks.items() if task.weight > 0]
    if len(names) < FEWEST_TASKS:
        message = f"a recipe must train {FEWEST_TASKS} tasks or more to be compared. Found {names[0]!r} alone."
        raise UsageError(message)
    return names


def _judging_split(data: Dataset, names: Sequence[str]) -> str:
    """Choose the rows to judge by, before anything is trained."""
    splits = data.splits()
    split = "test" if "test" in splits else "dev"
    title = "the tasks cannot be compared"
    if split not in splits:
        rule = "there must be rows to judge by, which are not trained on. Found none."
        raise DataError(title, [Fault("data.test", rule, "Name a file, or give `test` a share in `data.split`.")])
    found = {name: int(splits[split].for_task(name).labelled.sum()) for name in names}
    rule = f"a task must have {FEWEST_ROWS} labelled {split} rows or more, to be judged by."
    faults = [Fault(f"tasks.{name}", f"{rule} Found {count}.") for name, count in found.items() if count < FEWEST_ROWS]
    if faults:
        raise DataError(title, faults)
    return split


def _train(folder: StudyFolder, run: Run, recipe: Recipe, data: Dataset, *, progress: Progress) -> None:
    if run.task is not None:
        recipe, data = recipe_alone(recipe, run.task, data), data.for_task(run.task)
    seeded = replace(recipe, training=replace(recipe.training, seed=run.seed))
    folder.train(run, seeded, data, progress=progress)


def _compared(folder: StudyFolder, rows: Rows, names: Sequence[str], *, seeds: Sequence[int], split: str) -> Comparison:
    labelled = rows.labelled[:, [list(rows.tasks).index(name) for name in names]]
    groups = grouped(labelled)

    def scored(run: Run, asked: Sequence[str]) -> Scores:
        return score(_opened(folder, run), rows, asked, groups=groups)

    together = [scored(Run(seed, None), names) for seed in seeds]
    alone = [joined([scored(Run(seed, name), [name]) for name in names]) for seed in seeds]
    ways = [[None], names]
    models = [[(_opened(folder, Run(seeds[0], of)), names if of is None else [of]) for of in way] for way in ways]
    costs = [
        Cost(
            megabytes=sum(folder.megabytes(Run(seed, task)) for seed in seeds for task in way) / len(seeds),
            milliseconds_a_text=milliseconds,
            training_minutes=sum(folder.seconds[Run(seed, task).place] for seed in seeds for task in way)
            / (60 * len(seeds)),
        )
        for way, milliseconds in zip(ways, milliseconds_a_text(models, rows), strict=True)
    ]
    return Comparison(
        split=split,
        rows=len(rows),
        seeds=tuple(seeds),
        differences=compare_models(alone, together, complete=np.logical_and.reduce(labelled, axis=1), groups=groups),
        together=costs[0],
        alone=costs[1],
    )


def _opened(folder: StudyFolder, run: Run) -> Predictor:
    return load(folder.model(run), engine="torch")
