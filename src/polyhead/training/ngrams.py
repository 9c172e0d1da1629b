"""N-grams beside a trained network; how much each of the two counts, dev rows tell."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from polyhead.data.lengths import measure
from polyhead.data.order import Draw
from polyhead.data.rows import Rows
from polyhead.model.multitask import MultiTaskModel
from polyhead.model.ngrams import BagOfNgrams, takes_ngrams
from polyhead.tasks.base import HeadTask, Task
from polyhead.text.planner import plan_batches
from polyhead.training.minimising import minimise
from polyhead.training.ngram_fitting import LabelledTexts, fit_ngrams
from polyhead.training.steps import BatchMaker, Labelled

ROUNDS = 50
"""Iterations of L-BFGS over the two factors."""

MOST_ROWS = 200_000
"""Training rows that are read; further ones would change little."""

BUDGET = 4096
"""Tokens of a batch in which rows are read."""


def weigh_in(model: MultiTaskModel, train: Rows, dev: Rows, *, seed: int) -> dict[str, float]:
    """Fit n-grams to the training rows, and add them to the heads by the factors that make the loss on dev least.

    That is stacked generalization of two models (Wolpert 1992, https://doi.org/10.1016/S0893-6080(05)80023-1). A normal
    prior around the network alone keeps a few rows from saying much. It is for tasks about whole texts whose heads have
    no parameters beside their layers; texts that are read in several windows are left out of both.

    Args:
        model: trained; its heads are scaled and its `ngrams` are set.
        train: what the n-grams are fitted to.
        dev: what tells the factors.
        seed: of the run.

    Returns:
        The factor of the n-grams as a share of both, by task.
    """
    asked = {name: task for name, task in model.tasks.items() if takes_ngrams(task)}
    texts = LabelledTexts()
    for labelled in _batches(train, asked, model, seed=seed):
        texts.add(labelled)
    judged = [labelled for labelled in _batches(dev, asked, model, seed=seed) if labelled.joining is None]
    known = texts.rows.keys() & set[str]().union(*(labelled.targets for labelled in judged))
    tasks = {name: cast("HeadTask", task) for name, task in asked.items() if name in known}
    if not tasks:
        return {}
    bag = fit_ngrams(texts, tasks, tokens=model.tokenizer.tokens())
    said = _logits(model, bag, judged)
    shares = dict[str, float]()
    for name, task in tasks.items():
        network, ngrams = _factors(task, said[name])
        _scale(model.head(name), bag, name, outputs=task.outputs, factors=(network, ngrams))
        shares[name] = ngrams / (network + ngrams)
    model.ngrams = bag.to(model.encoder.device)
    return shares


@dataclass(frozen=True, slots=True)
class _Said:
    """What network and n-grams say of some rows, shape `(rows, outputs)` each, and the targets."""

    network: Tensor
    ngrams: Tensor
    targets: Tensor


def _batches(rows: Rows, tasks: Mapping[str, Task], model: MultiTaskModel, *, seed: int) -> Iterator[Labelled]:
    """Make batches of rows as they are, each once; of many rows, as many as are read."""
    if not tasks:
        return
    maker = BatchMaker(rows, tasks, tokenizer=model.tokenizer, swapper=None, limit=BUDGET, seed=seed)
    read = np.arange(len(rows))
    if len(read) > MOST_ROWS:
        read = np.random.Generator(np.random.PCG64(seed)).choice(read, MOST_ROWS, replace=False)
    lengths = measure(rows, model.tokenizer, tasks)[read]
    for indices in plan_batches(lengths, budget=BUDGET):
        yield maker.make(Draw(read[indices], tuple(tasks)), epoch=0)


def _logits(model: MultiTaskModel, bag: BagOfNgrams, judged: Sequence[Labelled]) -> dict[str, _Said]:
    """Ask both about rows."""
    parts: dict[str, list[tuple[Tensor, Tensor, Tensor]]] = {name: [] for name in bag.outputs}
    model.eval()
    with torch.no_grad():
        for labelled in judged:
            batch = labelled.batch
            network = model(model.tensors(batch), tuple(bag.outputs))
            ngrams = bag(torch.from_numpy(batch.ids), torch.from_numpy(batch.mask))
            for name in labelled.targets.keys() & bag.outputs.keys():
                targets = torch.from_numpy(labelled.targets[name].values)
                parts[name].append((network[name].float().cpu(), ngrams[name], targets))
    return {name: _Said(*(torch.cat(of) for of in zip(*found, strict=True))) for name, found in parts.items()}


def _factors(task: HeadTask, said: _Said) -> tuple[float, float]:
    """Find the factors of network and n-grams that make the loss least; it has no other minimum."""
    start = torch.tensor([1.0, 0.0])
    factors = start.clone().requires_grad_()

    def loss() -> Tensor:
        logits = factors[0] * said.network + factors[1] * said.ngrams
        return task.loss(logits[:, : task.outputs], said.targets) + (factors - start).square().sum() / 2

    minimise([factors], loss, rounds=ROUNDS)
    network, ngrams = factors.tolist()
    return network, ngrams


def _scale(head: nn.Module, bag: BagOfNgrams, name: str, *, outputs: int, factors: tuple[float, float]) -> None:
    """Take the factors into the weights; what weighs windows beside the logits stays."""
    *_, last = (layer for layer in head.modules() if isinstance(layer, nn.Linear))
    begin = bag.columns(name).start
    columns = slice(begin, begin + outputs)
    with torch.no_grad():
        for weights in (last.weight, last.bias):
            weights[:outputs] *= factors[0]
        for table in (bag.tokens, bag.pairs, bag.bias):
            table[..., columns] *= factors[1]
