"""States of tokens, with or without padding, for heads that need the one or the other."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from transformers import PreTrainedModel

from polyhead.model.packed.families import family_of, is_drawn
from polyhead.model.packed.layout import Packing


@dataclass(frozen=True, slots=True)
class TokenStates:
    """What an encoder makes of the tokens of a batch.

    Args:
        padded: shape `(batch, tokens, width)`.
        packed: the same without padding, shape `(tokens, width)`, if that is how they came about.
        packing: where the packed ones are.
    """

    padded: Tensor
    packed: Tensor | None = None
    packing: Packing | None = None

    @property
    def shared(self) -> Tensor:
        """Return what all that reads these states goes back through."""
        return self.padded if self.packed is None else self.packed

    def parted(self, count: int) -> "list[TokenStates]":
        """Part the texts into equal runs, in their order."""
        return [TokenStates(padded) for padded in self.padded.unflatten(0, (count, -1))]

    def through(self, head: Callable[[Tensor], Tensor]) -> Tensor:
        """Apply what treats each token alone, to real tokens only where they are known; `(batch, tokens, outputs)`."""
        if self.packed is None or self.packing is None:
            return head(self.padded)
        return self.packing.pad(head(self.packed))


def encode(encoder: PreTrainedModel, input_ids: Tensor, mask: Tensor, *, types: Tensor | None = None) -> TokenStates:
    """Run an encoder once: without padding where its family is known, else by its own forward.

    Pairs of texts, whose second text is of another token type, take the encoder's own forward.

    Args:
        encoder: the encoder; its weights are read where they are.
        input_ids: shape `(batch, tokens)`.
        mask: not zero at tokens, shape `(batch, tokens)`.
        types: 0 in a first text and 1 in a second, shape `(batch, tokens)`, for encoders that tell them apart.
    """
    # A graph that is traced for export has its types as they come.
    paired = types is not None and (is_drawn() or bool(((types > 0) & (mask > 0)).any()))
    family = None if paired else family_of(encoder)
    packing = None if family is None else Packing.of(mask)
    if family is None or packing is None:
        given = {} if types is None else {"token_type_ids": types}
        return TokenStates(encoder(input_ids=input_ids, attention_mask=mask, **given).last_hidden_state)
    packed = family.token_states(encoder, input_ids, packing)
    return TokenStates(packing.pad(packed), packed, packing)
