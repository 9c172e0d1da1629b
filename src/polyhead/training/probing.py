"""Heads that begin where a regression on the encoder's own embeddings ends, so that they start no worse than one."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from polyhead.data.order import Draw
from polyhead.model.multitask import MultiTaskModel
from polyhead.tasks.base import HeadTask
from polyhead.text.planner import plan_batches
from polyhead.training.minimising import minimise
from polyhead.training.plan import Plan
from polyhead.training.steps import Labelled

PENALTY = 1.0
"""Weight of half the sum of the squared weights beside the sum of the losses; scikit-learn's `C = 1` is the same."""

ROUNDS = 100
"""Iterations of L-BFGS; a hundred are as many as scikit-learn takes."""

MOST_ROWS = 20_000
"""Rows that are read for it; heads are small, and more rows move them little."""


def rows_to_probe(plan: Plan) -> Iterator[Labelled]:
    """Make batches of the training rows, each row once; of many rows, as many as are needed."""
    rows = plan.order.labelled_rows()
    if len(rows) > MOST_ROWS:
        rows = np.random.Generator(np.random.PCG64(plan.recipe.training.seed)).choice(rows, MOST_ROWS, replace=False)
    for indices in plan_batches(plan.lengths[rows], budget=plan.settings.batch_tokens):
        yield plan.batches.make(Draw(rows[indices], plan.order.task_names), epoch=0)


def probe(model: MultiTaskModel, batches: Iterable[Labelled]) -> list[str]:
    """Fit the heads that read the sentence embedding while the encoder stands still: linear probing before fine-tuning.

    With a head of one layer that is a logistic regression for a classification, and a ridge regression for a number.
    Rows that are read in several windows are left out.

    Args:
        model: its heads are changed in place.
        batches: rows to learn from, each once.

    Returns:
        Names of the tasks whose heads were fitted.

    Reference:
        Kumar et al. 2022, https://arxiv.org/abs/2202.10054
    """
    names = [name for name, task in model.tasks.items() if isinstance(task, HeadTask) and task.level == "text"]
    if not names or not model.sharing.pools:
        return []
    model.eval()
    rows: dict[str, list[tuple[Tensor, Any]]] = {name: [] for name in names}
    with torch.inference_mode():
        for labelled in batches:
            if labelled.joining is None:
                _read(model, labelled, rows)
    fitted = [name for name in names if rows[name]]
    for name in fitted:
        embeddings = torch.cat([states for states, _ in rows[name]])
        values = torch.from_numpy(np.concatenate([values for _, values in rows[name]])).to(embeddings.device)
        _fit(model, name, embeddings.clone(), values)
    return fitted


def _read(model: MultiTaskModel, labelled: Labelled, rows: Mapping[str, list[tuple[Tensor, Any]]]) -> None:
    embedding = model(model.tensors(labelled.batch), ()).embedding.float()
    for name, targets in labelled.targets.items():
        if name in rows:
            rows[name].append((embedding[targets.begin : targets.end], targets.values))


def _fit(model: MultiTaskModel, name: str, embeddings: Tensor, values: Tensor) -> None:
    head, task = model.head(name), cast("HeadTask", model.tasks[name])
    weights = [weight for weight in head.parameters() if weight.requires_grad]
    own: list[tuple[str, nn.Parameter]] = list(head.named_parameters(recurse=False))

    def loss() -> Tensor:
        kind = task.with_parameters({key: parameter * 1.0 for key, parameter in own}) if own else task
        squares = sum((weight.square().sum() for weight in weights if weight.dim() > 1), start=embeddings.new_zeros(()))
        return kind.loss(head(embeddings)[:, : kind.outputs], values) + PENALTY / 2 * squares

    minimise(weights, loss, rounds=ROUNDS)
