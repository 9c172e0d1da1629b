"""Train a recipe: from its data to a finished model folder."""

import shutil
from collections.abc import Mapping
from contextlib import nullcontext
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
from polyhead.folder import read_manifest
from polyhead.manifest import MANIFEST
from polyhead.model.compact import COMPACT
from polyhead.model.growing import grown, new_heads
from polyhead.model.multitask import MultiTaskModel
from polyhead.recipe import Recipe
from polyhead.training.adding import on_model
from polyhead.training.checkpoints import Checkpoint, CheckpointStore
from polyhead.training.claiming import LOCK, claimed
from polyhead.training.defaults import resolve
from polyhead.training.evaluation import evaluate, tuned_tasks
from polyhead.training.few_rows import FEW, STILL, settled_by_regression, too_few
from polyhead.training.fingerprint import differing, fingerprint_of
from polyhead.training.freezing import hold_still, is_frozen
from polyhead.training.interruption import interruptible
from polyhead.training.loop import Loop
from polyhead.training.meeting import joins_nothing, meeting_place, refuse_unmeasured
from polyhead.training.memory import told_when_full
from polyhead.training.novelty import names_in
from polyhead.training.pictures import draw_training
from polyhead.training.plan import Plan
from polyhead.training.preparation import aligned, prepared, texts_of
from polyhead.training.probing import probe, rows_to_probe
from polyhead.training.progress import Progress, Silent
from polyhead.training.result import PICTURES, Earlier, TrainingResult, finished, publish
from polyhead.training.settling import settle
from polyhead.training.steps import BatchMaker

CHECKPOINTS = "checkpoints"


def train(
    recipe: Recipe,
    *,
    output: str | Path,
    base: str | Path | None = None,
    data: Dataset | None = None,
    resume: bool = False,
    progress: Progress | None = None,
) -> TrainingResult:
    """Train a model and write its folder.

    Args:
        recipe: what to train.
        output: the folder to make; checkpoints live in it until the model is there.
        base: a model folder, to whose tasks those of the recipe are added: its encoder, its pooling, its projection and
            its heads stay as they are, to the bit. What the recipe says of encoder and sharing is the model's.
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
    onto = None if base is None else Path(base)
    if onto is not None and onto.resolve() == folder.resolve():
        message = f"`output` must be another folder than the model that grows. Found {folder} for both."
        raise UsageError(message)
    if resume and (folder / MANIFEST).exists():
        _refuse_other_model(recipe, folder)
        progress.note(f"{folder} is finished: nothing to resume.")
        return _finished(folder)
    recipe = recipe if onto is None else on_model(recipe, onto)
    accelerator = _accelerator(recipe, folder)
    # Of several processes the first alone writes.
    claim = claimed(folder, resume=resume) if accelerator.is_main_process else nullcontext()
    with claim, told_when_full():
        accelerator.wait_for_everyone()
        rows = load_dataset(recipe) if data is None else data
        if recipe.training.trackers:
            accelerator.init_trackers("logs")
        result = _train(recipe, rows, folder, base=onto, progress=progress, accelerator=accelerator)
        accelerator.wait_for_everyone()
    accelerator.end_training()
    return result


def _train(
    recipe: Recipe, data: Dataset, folder: Path, *, base: Path | None, progress: Progress, accelerator: Accelerator
) -> TrainingResult:
    torch.manual_seed(recipe.training.seed)
    data = prepared(data)
    recipe = recipe.with_tasks(data.tasks)
    model = _begin(recipe, data, base)
    data = aligned(data, model.tokenizer, skip=recipe.on_bad_rows == "skip")
    progress.data(data)
    few = too_few(recipe, data)
    plan = _plan(recipe, data, model, base=base, few=few)
    if warning := joins_nothing(recipe.balancing, plan.place):
        progress.note(warning)
    refuse_unmeasured(recipe.balancing, still=base is not None or plan.settings.freeze == "all")
    hold_still(model.to(accelerator.device), recipe, data, progress, what=plan.settings.freeze)
    store = CheckpointStore(folder / CHECKPOINTS)
    checkpoint = _newest(store, progress)
    fitted = probe(model, rows_to_probe(plan)) if checkpoint is None and _probes(recipe) else []
    if fitted:
        progress.note(f"heads that begin at a regression on the embeddings: {', '.join(fitted)}")
    loop = Loop(plan, model, accelerator=accelerator, store=store, progress=progress)
    if checkpoint is not None:
        _go_back(loop, checkpoint, plan.fingerprint, progress)
    if settled_by_regression(recipe, data, fitted=fitted, still=is_frozen(model)):
        progress.note(FEW if few and base is None else STILL)
    else:
        progress.plan(plan.settings)
        with interruptible() as interruption, progress:
            loop.run(interruption, score_first=bool(fitted))
        loop.load_best()
    settle(model, recipe, data, progress)
    if data.dev is not None:
        model.tasks = tuned_tasks(loop.predictor(), data.dev)
    result = _result(loop, data, folder)
    if accelerator.is_main_process:
        earlier, whole = (None, model) if base is None else (Earlier.read(base), grown(base, model))
        publish(result, whole, recipe=recipe, conflicts=loop.standing.conflicts, earlier=earlier)
        store.remove()
    return result


def _refuse_other_model(recipe: Recipe, folder: Path) -> None:
    tasks = read_manifest(folder, verify=False).tasks
    if lacking := [name for name in recipe.tasks if name not in tasks]:
        message = f"--resume needs a folder of this recipe. Found a model without {', '.join(map(repr, lacking))}."
        raise UsageError(message)


def _finished(folder: Path) -> TrainingResult:
    """Read a result, and do what a kill at the very end may have left undone."""
    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
    (folder / LOCK).unlink(missing_ok=True)
    result = finished(folder)
    if not any((folder / PICTURES).glob("*")):
        draw_training(folder / PICTURES, history=result.history, metrics=result.test or result.dev)
    return result


def _begin(recipe: Recipe, data: Dataset, base: Path | None) -> MultiTaskModel:
    if base is not None:
        return new_heads(base, data.tasks, seed=recipe.training.seed)
    return MultiTaskModel.build(recipe, tasks=data.tasks, texts=texts_of(data.train))


def _accelerator(recipe: Recipe, folder: Path) -> Accelerator:
    return Accelerator(
        # Passes choose their precision themselves: here it could not be another in the same process again.
        mixed_precision="no",
        log_with=list(recipe.training.trackers) or None,
        project_dir=folder,
        # A batch may bear labels for some of the tasks only.
        kwargs_handlers=[DistributedDataParallelKwargs(find_unused_parameters=True)],
    )


def _plan(recipe: Recipe, data: Dataset, model: MultiTaskModel, *, base: Path | None, few: bool) -> Plan:
    lengths = measure(data.train, model.tokenizer, data.tasks)
    seed = recipe.training.seed
    names = [name for name, task in data.tasks.items() if task.weight > 0]
    labelled = data.train.labelled[:, [list(data.tasks).index(name) for name in names]]
    tokens = (lengths.astype(np.int64) @ labelled).tolist()
    settings = resolve(
        recipe.training, recipe.encoder, tokens=tokens, width=model.width, few=few, added=base is not None
    )
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
        fingerprint=fingerprint_of(recipe, base=base),
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
