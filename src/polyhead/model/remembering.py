"""The states of texts under an encoder that does not change: computed once, looked up ever after."""

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor, nn
from transformers import PreTrainedModel

from polyhead.model.encoder import state_width
from polyhead.sharing._branches import encode
from polyhead.text.planner import plan_batches
from polyhead.text.tokens import TextTokenizer, TokenizedText

if TYPE_CHECKING:
    from polyhead.spans import Integers

BUDGET = 2048
"""Padded tokens of a batch while states are computed."""


class Remembered:
    """Token states by token ids, for a frozen encoder in evaluation.

    The ids of a text are its key, so another text, tokenizer or limit can never get its states; the encoder is the one
    given here. A text that is not known is computed each time, so that what comes out never depends on what was asked
    before.

    Args:
        encoder: gives the states; it must not change any more.
        tokenizer: turns texts into ids.
        texts: what is remembered; they are computed now.
        most: how many numbers may be kept; texts beyond are not remembered.
    """

    def __init__(self, encoder: PreTrainedModel, tokenizer: TextTokenizer, texts: Iterable[str], *, most: int) -> None:
        room = most // state_width(encoder)
        keyed: dict[bytes, TokenizedText] = {}
        for text in texts:
            (item,) = tokenizer.tokenize([text], words=False)
            room -= len(item)
            if room < 0:
                break
            keyed[_key(item.ids)] = item
        items = list(keyed.values())
        lengths: Integers = np.array([len(item) for item in items], dtype=np.int64)
        self._begins = dict(zip(keyed, (np.cumsum(lengths) - lengths).tolist(), strict=True))
        self._table: Tensor | None = None
        for indices in plan_batches(lengths, budget=BUDGET):
            batch = tokenizer.batch([items[index] for index in indices])
            ids, mask = torch.from_numpy(batch.ids), torch.from_numpy(batch.mask).to(torch.int64)
            states = self._computed(encoder, {"input_ids": ids, "attention_mask": mask})
            if self._table is None:
                self._table = torch.empty((int(lengths.sum()), states.shape[2]))
            for row, index in enumerate(indices.tolist()):
                begin = self._begins[_key(items[index].ids)]
                self._table[begin : begin + lengths[index]] = states[row, : lengths[index]].cpu()

    def __len__(self) -> int:
        return len(self._begins)

    def states(self, encoder: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        """Look up the states of a batch, shape `(batch, tokens, width)`; those of unknown texts are computed."""
        ids, lengths = batch["input_ids"], batch["attention_mask"].sum(dim=1).tolist()
        rows = [row[:length] for row, length in zip(ids.cpu().numpy(), lengths, strict=True)]
        begins = [self._begins.get(_key(row)) for row in rows]
        unknown = [number for number, begin in enumerate(begins) if begin is None]
        if self._table is None or len(unknown) == len(rows):
            return self._computed(encoder, batch)
        found = torch.zeros((*ids.shape, self._table.shape[1]))
        for number, begin in enumerate(begins):
            if begin is not None:
                found[number, : lengths[number]] = self._table[begin : begin + lengths[number]]
        found = found.to(ids.device)
        if unknown:
            found[unknown] = self._computed(encoder, {name: of[unknown] for name, of in batch.items()}).to(found.dtype)
        return found

    @staticmethod
    def _computed(encoder: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
        device = next(encoder.parameters()).device
        with torch.no_grad():
            return encode(encoder.eval(), {name: tensor.to(device) for name, tensor in batch.items()}).float()


def _key(ids: Iterable[int]) -> bytes:
    return blake2b(np.asarray(ids, dtype=np.int64).tobytes(), digest_size=16).digest()
