"""Long texts: the encoder reads them in windows, and what it says of the windows becomes what it says of the text."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from polyhead.runtime.engine import Engine, EngineOutputs
from polyhead.spans import Booleans, Floats, Integers
from polyhead.tasks.base import HeadTask, Task, TextTask
from polyhead.text.tokens import TextTokenizer, TokenBatch, TokenizedText


@dataclass(frozen=True, slots=True)
class Joining:
    """How the windows of a batch become its texts again.

    Args:
        batch: the windows side by side, text after text.
        members: the windows of each text, shape `(texts, windows)`; the first one again where a text has fewer.
        lengths: tokens that each member holds, shape `(texts, windows)`; 0 where a text has fewer.
        places: for each token of each text, where its states lie in the windows laid end to end, shape
            `(texts, tokens)`: in the window that has most context around it.
    """

    batch: TokenBatch
    members: Integers
    lengths: Floats
    places: Integers

    @property
    def real(self) -> Booleans:
        """Tell the members from what stands where a text has fewer, shape `(texts, windows)`."""
        return self.lengths > 0


def join(tokenizer: TextTokenizer, tokenized: Sequence[TokenizedText]) -> Joining | None:
    """Plan the windows of a batch; nothing when no text needs more than one."""
    if all(item.windows is None for item in tokenized):
        return None
    batch = tokenizer.window_batch(tokenized)
    counts = [item.passes for item in tokenized]
    members = np.zeros((len(tokenized), max(counts)), dtype=np.int64)
    lengths = np.zeros(members.shape)
    places = np.zeros((len(tokenized), max(len(item.ids) for item in tokenized)), dtype=np.int64)
    begin = 0
    for row, (item, count) in enumerate(zip(tokenized, counts, strict=True)):
        members[row] = begin
        members[row, :count] += np.arange(count)
        lengths[row, :count] = item.read_at_once
        tokens = len(item.ids)
        window, place = (0, np.arange(tokens)) if item.windows is None else item.windows.judges(tokens)
        places[row, :tokens] = (begin + window) * batch.ids.shape[1] + place
        begin += count
    return Joining(batch, members, lengths, places)


def read(
    engine: Engine,
    tokenizer: TextTokenizer,
    tokenized: Sequence[TokenizedText],
    *,
    tasks: Mapping[str, Task],
    budget: int,
) -> tuple[TokenBatch, EngineOutputs]:
    """Run the encoder over texts, a few windows of long ones at a time, and join what it finds.

    Args:
        engine: what runs the encoder.
        tokenizer: the encoder's tokenizer.
        tokenized: the texts.
        tasks: the tasks that are asked.
        budget: padded tokens of a pass over windows.

    Returns:
        The texts side by side, and the logits and embeddings of whole texts.
    """
    batch = tokenizer.batch(tokenized)
    heads = {name: task for name, task in tasks.items() if isinstance(task, HeadTask)}
    joining = join(tokenizer, tokenized)
    if joining is None:
        outputs = engine.run(batch, tuple(tasks))
        logits = {name: outputs.logits[name][..., : task.outputs] for name, task in heads.items()}
        return batch, EngineOutputs(logits, outputs.embedding)
    step = max(1, budget // joining.batch.ids.shape[1])
    rows = range(0, len(joining.batch.ids), step)
    pieces: dict[str, list[Floats]] = {name: [] for name in heads}
    vectors: list[Floats] = []
    for row in rows:
        part = engine.run(_part(joining.batch, row, row + step), tuple(tasks))
        vectors.append(part.embedding)
        for name in heads:
            pieces[name].append(part.logits[name])
    embedding = np.concatenate(vectors)
    # The pieces of a task are let go of before those of the next are joined.
    logits = {name: joined(np.concatenate(pieces.pop(name)), task, joining) for name, task in heads.items()}
    return batch, EngineOutputs(logits, _weighted(embedding[joining.members], joining.lengths))


def joined(logits: Floats, task: HeadTask, joining: Joining) -> Floats:
    """Turn the logits of windows into those of their texts."""
    if task.level == "words":
        return logits.reshape(-1, logits.shape[-1])[joining.places]
    members = logits[joining.members]
    how = task.windows if isinstance(task, TextTask) else "mean"
    if how == "max":
        return members.max(axis=1)
    if how == "attention":
        scores = np.where(joining.real, members[..., -1], -np.inf)
        weights = np.exp(scores - scores.max(axis=1, keepdims=True))
        return _weighted(members[..., :-1], weights)
    return _weighted(members, joining.real)


def _weighted(members: Floats, weights: Floats | Booleans) -> Floats:
    shares = weights / weights.sum(axis=1, keepdims=True)
    return (members * shares[..., None]).sum(axis=1).astype(members.dtype)


def _part(batch: TokenBatch, begin: int, end: int) -> TokenBatch:
    rows = slice(begin, end)
    mask = batch.mask[rows]
    return replace(batch, texts=batch.texts[rows], ids=batch.ids[rows], mask=mask, truncated=batch.truncated[rows])
