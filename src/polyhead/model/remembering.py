"""The states of texts under an encoder that does not change: computed once, looked up ever after."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import blake2b

import numpy as np
import torch
from torch import Tensor

from polyhead.model.packed.states import TokenStates
from polyhead.spans import Integers
from polyhead.text.planner import plan_batches
from polyhead.text.tokens import Passage, TextTokenizer

BUDGET = 2048
"""Padded tokens of a batch while states are computed."""


class Remembered:
    """Token states by token ids, for a frozen encoder in evaluation.

    The ids of a text, or of a window of a long one, are its key, so another text, tokenizer or limit can never get its
    states; the encoder is the one given here. What is not known is computed each time, so that what comes out never
    depends on what was asked before.

    Args:
        encode: runs the encoder, which must not change any more.
        tokenizer: turns texts into ids.
        passages: what is remembered; its states are computed now.
        most: how many tokens may be kept; texts beyond are not remembered.
    """

    def __init__(
        self,
        encode: Callable[[Mapping[str, Tensor]], TokenStates],
        tokenizer: TextTokenizer,
        passages: Iterable[Passage | str],
        *,
        most: int,
    ) -> None:
        self._encode = encode
        keyed: dict[bytes, Integers] = {}
        for ids in _reads(tokenizer, passages):
            key = _key(ids)
            if key in keyed:
                continue
            most -= len(ids)
            if most < 0:
                break
            keyed[key] = ids
        reads = list(keyed.values())
        lengths: Integers = np.array([len(ids) for ids in reads], dtype=np.int64)
        begins: Integers = np.cumsum(lengths) - lengths
        self._begins = dict(zip(keyed, begins.tolist(), strict=True))
        self._table: Tensor | None = None
        for indices in plan_batches(lengths, budget=BUDGET):
            states = self._computed(_batch([reads[index] for index in indices], filler=tokenizer.padding_id))
            if self._table is None:
                self._table = torch.empty((int(lengths.sum()), states.shape[2]))
            for row, index in enumerate(indices.tolist()):
                begin, length = int(begins[index]), int(lengths[index])
                self._table[begin : begin + length] = states[row, :length].cpu()

    def __len__(self) -> int:
        return len(self._begins)

    def states(self, batch: Mapping[str, Tensor]) -> Tensor:
        """Look up the states of a batch, shape `(batch, tokens, width)`; those of unknown texts are computed."""
        ids, lengths = batch["input_ids"], batch["attention_mask"].sum(dim=1).tolist()
        rows = [row[:length] for row, length in zip(ids.cpu().numpy(), lengths, strict=True)]
        begins = [self._begins.get(_key(row)) for row in rows]
        unknown = [number for number, begin in enumerate(begins) if begin is None]
        if self._table is None or len(unknown) == len(rows):
            return self._computed(batch)
        found = torch.zeros((*ids.shape, self._table.shape[1]))
        for number, begin in enumerate(begins):
            if begin is not None:
                found[number, : lengths[number]] = self._table[begin : begin + lengths[number]]
        found = found.to(ids.device)
        if unknown:
            found[unknown] = self._computed({name: of[unknown] for name, of in batch.items()}).to(found.dtype)
        return found

    def _computed(self, batch: Mapping[str, Tensor]) -> Tensor:
        with torch.no_grad():
            return self._encode(batch).padded.float()


def _reads(tokenizer: TextTokenizer, passages: Iterable[Passage | str]) -> Iterator[Integers]:
    for passage in passages:
        yield from tokenizer.tokenize([passage], words=False)[0].reads()


def _batch(reads: list[Integers], *, filler: int) -> dict[str, Tensor]:
    lengths = np.array([len(ids) for ids in reads])
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(mask.shape, filler, dtype=np.int64)
    ids[mask] = np.concatenate(reads)
    return {"input_ids": torch.from_numpy(ids), "attention_mask": torch.from_numpy(mask).to(torch.int64)}


def _key(ids: Integers) -> bytes:
    return blake2b(np.asarray(ids, dtype=np.int64).tobytes(), digest_size=16).digest()
