"""Train a recipe: from its data to a finished model folder."""

import json
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator
from accelerate.utils import DistributedDataParallelKwargs

from polyhead.data.dataset import Dataset, load_dataset
from polyhead.data.lengths import measure
from polyhead.data.order import EpochOrder
from polyhead.data.swaps import EntitySwapper
from polyhead.errors import UsageError
from polyhead.manifest import MANIFEST
from polyhead.model.compact import COMPACT
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import Recipe, recipe_to_toml
from polyhead.training.card import model_card
from polyhead.training.checkpoints import Checkpoint, CheckpointStore
from polyhead.training.claiming import claimed
from polyhead.training.conflicts import draw_conflicts
from polyhead.training.defaults import resolve
from polyhead.training.evaluation import evaluate, tuned_tasks
from polyhead.training.few_rows import NOTE, too_few, trained
from polyhead.training.fingerprint import differing, fingerprint_of
from polyhead.training.freezing import hold_still
from polyhead.training.interruption import interruptible
from polyhead.training.loop import Loop
from polyhead.training.meeting import joins_nothing, meeting_place
from polyhead.training.memory import told_when_full
from polyhead.training.novelty import names_in
from polyhead.training.pictures import draw_training
from polyhead.training.plan import Plan
from polyhead.training.preparation import aligned, prepared, texts_of
from polyhead.training.probing import probe, rows_to_probe
from polyhead.training.progress import Progress, Silent
from polyhead.training.settling import settle
from polyhead.training.steps import BatchMaker

CHECKPOINTS, METRICS, HISTORY = "checkpoints", "metrics.json", "history.json"
CONFLICTS = "conflicts.json"


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A finished training.

    Args:
        folder: the model folder.
        dev: metrics on dev, absent without dev rows.
        test: metrics on test, absent without test rows.
        history: one record for each evaluation during training.
    """

    folder: Path
    dev: Mapping[str, Any] | None
    test: Mapping[str, Any] | None
    history: Sequence[Mapping[str, Any]]

    @property
    def metrics(self) -> Mapping[str, Any]:
        """Return each task's metrics on test, or on dev where there is no test: `metrics["topic"]["macro_f1"]`."""
        best = self.test or self.dev
        return best["tasks"] if best else {}


def train(
    recipe: Recipe,
    *,
    output: str | Path,
    data: Dataset | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> TrainingResult:
    """Train a model and write its folder.

    Args:
        recipe: what to train.
        output: the folder to make; checkpoints live in it until the model is there.
        data: the rows; those that the recipe names are read when absent.
        resume: go on from the newest whole checkpoint; on a CPU the result is, to the bit, that of no break.
        progress: who is told how it goes; nobody when absent.

    Raises:
        UsageError: the folder exists already, another training writes to it, or `recipe` is none.
        DataError: rows are wrong; every fault is listed.
        NonFiniteLossError: a task's loss is NaN or infinite.
        TrainingError: memory does not suffice.
        StorageError: a file cannot be written.
        KeyboardInterrupt: Ctrl-C; everything up to then is saved.
    """
    if not isinstance(recipe, Recipe):  # pyright: ignore[reportUnnecessaryIsInstance]  callers without a type checker
        message = f"`recipe` must be a recipe: pass `polyhead.load_recipe(…)`. Found {recipe!r}."
        raise UsageError(message)
    folder = Path(output)
    progress = progress or Silent()
    if resume and (folder / MANIFEST).exists():
        progress.note(f"{folder} is finished: nothing to resume.")
        return _finished(folder)
    accelerator = _accelerator(recipe, folder)
    # Of several processes the first alone writes.
    claim = claimed(folder, resume=resume) if accelerator.is_main_process else nullcontext()
    with claim, told_when_full():
        accelerator.wait_for_everyone()
        rows = load_dataset(recipe) if data is None else data
        if recipe.training.trackers:
            accelerator.init_trackers("logs")
        return _train(recipe, folder, rows, progress=progress, accelerator=accelerator)


def _train(
    recipe: Recipe, folder: Path, data: Dataset, *, progress: Progress, accelerator: Accelerator
) -> TrainingResult:
    torch.manual_seed(recipe.training.seed)
    data = prepared(data)
    recipe = recipe.with_tasks(data.tasks)
    model = MultiTaskModel.build(recipe, tasks=data.tasks, texts=texts_of(data.train))
    data = aligned(data, model.tokenizer, skip=recipe.on_bad_rows == "skip")
    progress.data(data)
    few = too_few(recipe, data)
    plan = _plan(recipe, data, model, few=few)
    if warning := joins_nothing(recipe.balancing, plan.place):
        progress.note(warning)
    hold_still(model.to(accelerator.device), recipe, data, progress, what=plan.settings.freeze)
    store = CheckpointStore(folder / CHECKPOINTS)
    checkpoint = _newest(store, progress)
    fitted = probe(model, rows_to_probe(plan)) if checkpoint is None and _probes(recipe) else []
    if fitted:
        progress.note(f"heads that begin at a regression on the embeddings: {', '.join(fitted)}")
    loop = Loop(plan, model, accelerator=accelerator, store=store, progress=progress)
    if checkpoint is not None:
        _go_back(loop, checkpoint, plan.fingerprint, progress)
    if few and len(fitted) == len(trained(data.tasks)):
        # A regression on what does not change is at its best already.
        progress.note(NOTE)
    else:
        progress.plan(plan.settings)
        with interruptible() as interruption, progress:
            loop.run(interruption, score_first=bool(fitted))
        loop.load_best()
    settle(model, recipe, data, progress)
    if data.dev is not None:
        model.tasks = tuned_tasks(loop.predictor(), data.dev)
    accelerator.end_training()
    result = _result(loop, data, folder)
    if accelerator.is_main_process:
        _publish(result, model, recipe=recipe, conflicts=loop.standing.conflicts)
        store.remove()
    accelerator.wait_for_everyone()
    return result


def _accelerator(recipe: Recipe, folder: Path) -> Accelerator:
    return Accelerator(
        mixed_precision="bf16" if recipe.training.precision == "bfloat16" else "no",
        log_with=list(recipe.training.trackers) or None,
        project_dir=folder,
        # A batch may bear labels for some of the tasks only.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )


def _plan(recipe: Recipe, data: Dataset, model: MultiTaskModel, *, few: bool) -> Plan:
    lengths = measure(data.train, model.tokenizer, data.tasks)
    seed = recipe.training.seed
    names = [name for name, task in data.tasks.items() if task.weight > 0]
    labelled = data.train.labelled[:, [list(data.tasks).index(name) for name in names]]
    tokens = (lengths.astype(np.int64) @ labelled).tolist()
    settings = resolve(recipe.training, recipe.encoder, tokens=tokens, width=model.width, few=few)
    swapper = None
    if settings.swap_entities:
        swapper = EntitySwapper(data.train, probability=settings.swap_entities, seed=seed)
    maker = BatchMaker(
        data.train,
        data.tasks,
        tokenizer=model.tokenizer,
        swapper=swapper,
        limit=settings.batch_tokens,
        seed=seed,
    )
    order = EpochOrder(labelled, names, seed=seed, mix=recipe.sampling.mix, turns=recipe.sampling.turns)
    return Plan(
        recipe=recipe,
        settings=settings,
        order=order,
        lengths=lengths,
        place=meeting_place(order, accumulate=recipe.training.accumulate),
        batches=maker,
        dev=data.dev,
        fingerprint=fingerprint_of(recipe),
    )


def _probes(recipe: Recipe) -> bool:
    return recipe.training.linear_probe and recipe.encoder.name != COMPACT


def _newest(store: CheckpointStore, progress: Progress) -> Checkpoint | None:
    checkpoint, passed_over = store.newest()
    for sentence in passed_over:
        progress.note(f"{sentence} It is passed over.")
    return checkpoint


def _go_back(loop: Loop, checkpoint: Checkpoint, fingerprint: Mapping[str, Any], progress: Progress) -> None:
    if changed := differing(checkpoint.meta["fingerprint"], fingerprint):
        rule = f"--resume needs the recipe and the data as they were. Found another {' and '.join(changed)}."
        message = f"{rule} Put them back, or train into a new folder."
        raise UsageError(message)
    loop.restore(checkpoint)
    progress.note(f"resumed at step {checkpoint.step}")


def _result(loop: Loop, data: Dataset, folder: Path) -> TrainingResult:
    predictor, seen = loop.predictor(), names_in(data.train)
    dev, test = (evaluate(predictor, rows, seen=seen) if rows is not None else None for rows in (data.dev, data.test))
    return TrainingResult(folder, dev, test, loop.standing.history)


def _publish(result: TrainingResult, model: MultiTaskModel, *, recipe: Recipe, conflicts: Sequence[Any]) -> None:
    metrics = {"dev": result.dev, "test": result.test}
    documents = {
        "recipe.toml": recipe_to_toml(recipe),
        METRICS: json.dumps(metrics, indent=1, ensure_ascii=False),
        HISTORY: json.dumps(result.history, indent=1, ensure_ascii=False),
        **({CONFLICTS: json.dumps(conflicts, indent=1, ensure_ascii=False)} if conflicts else {}),
        "README.md": model_card(recipe, metrics),
    }
    model.save_pretrained(result.folder, documents=documents, overwrite=True)
    draw_training(result.folder / "pictures", history=result.history, metrics=result.test or result.dev)
    if conflicts:
        draw_conflicts(result.folder / "pictures", conflicts)


def _finished(folder: Path) -> TrainingResult:
    metrics = json.loads((folder / METRICS).read_text(encoding="utf-8"))
    history = json.loads((folder / HISTORY).read_text(encoding="utf-8"))
    return TrainingResult(folder, metrics["dev"], metrics["test"], history)
