"""States of tokens, with or without padding, for heads that need the one or the other."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from transformers import PreTrainedModel

from polyhead.model.packed.families import family_of
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

    def through(self, head: Callable[[Tensor], Tensor]) -> Tensor:
        """Apply what treats each token alone, to real tokens only where they are known; `(batch, tokens, outputs)`."""
        if self.packed is None or self.packing is None:
            return head(self.padded)
        return self.packing.pad(head(self.packed))


def encode(encoder: PreTrainedModel, input_ids: Tensor, mask: Tensor) -> TokenStates:
    """Run an encoder once: without padding where its family is known, else by its own forward.

    Args:
        encoder: the encoder; its weights are read where they are.
        input_ids: shape `(batch, tokens)`.
        mask: not zero at tokens, shape `(batch, tokens)`.
    """
    family = family_of(encoder)
    packing = None if family is None else Packing.of(mask)
    if family is None or packing is None:
        return TokenStates(encoder(input_ids=input_ids, attention_mask=mask).last_hidden_state)
    packed = family.token_states(encoder, input_ids, packing)
    return TokenStates(packing.pad(packed), packed, packing)
