"""Losses of vectors that are to be alike or not, over all rows of a batch."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor

ANCHOR, POSITIVE, NEGATIVE, LEFT, RIGHT = range(5)
"""The part of a text in its row: pairs and triplets have an anchor and a positive, triplets a negative as well."""

ROW, PART, SCORE, TEXT = range(4)
"""The columns of targets."""


def contrast(vectors: "Tensor", targets: "Tensor", *, temperature: float) -> "Tensor":
    """Sum, over pairs and triplets, the cross-entropy of finding the positive among those of all rows.

    Texts that equal the anchor or its positive are no candidates: they would be punished for being alike.

    Args:
        vectors: of length 1, shape `(sides, width)`.
        targets: row, part, score and text of each side, shape `(sides, 4)`.
        temperature: divides the cosines.
    """
    part = targets[:, PART]
    anchors, positives = part == ANCHOR, part == POSITIVE
    if not bool(anchors.any()):
        return vectors[anchors].sum()
    candidates = positives | (part == NEGATIVE)
    scores = vectors[anchors] @ vectors[candidates].T / temperature
    text = targets[candidates, TEXT].unsqueeze(0)
    own = targets[anchors, ROW].unsqueeze(1) == targets[candidates, ROW].unsqueeze(0)
    own = own & positives[candidates].unsqueeze(0)
    same = (text == targets[anchors, TEXT].unsqueeze(1)) | (text == targets[positives, TEXT].unsqueeze(1))
    scores = scores.masked_fill(same & own.logical_not(), float("-inf"))
    return (scores.logsumexp(dim=1) - scores[own]).sum()


def cosent(vectors: "Tensor", targets: "Tensor", *, temperature: float) -> "Tensor":
    """Sum, over scored pairs, log(1 + sum of exp((cosine of a lower one - cosine of a higher one) / temperature)).

    Reference:
        Su 2022, "CoSENT"; the same as `CoSENTLoss` of sentence-transformers, times the number of rows.
    """
    cosines, scores = _scored(vectors, targets)
    if not len(cosines):
        return cosines.sum()
    above = scores.unsqueeze(1) < scores.unsqueeze(0)
    differences = ((cosines.unsqueeze(1) - cosines.unsqueeze(0)) / temperature).masked_fill(~above, float("-inf"))
    # A difference of zero stands for the 1 of the formula; the loss is the batch's, so each row has it once.
    return differences.flatten().logsumexp(dim=0).logaddexp(cosines.new_zeros(())) * len(cosines)


def squared(vectors: "Tensor", targets: "Tensor", *, temperature: float) -> "Tensor":  # noqa: ARG001
    """Sum, over scored pairs, the square of the distance between cosine and score."""
    cosines, scores = _scored(vectors, targets)
    return ((cosines - scores) ** 2).sum()


def _scored(vectors: "Tensor", targets: "Tensor") -> tuple["Tensor", "Tensor"]:
    left, right = targets[:, PART] == LEFT, targets[:, PART] == RIGHT
    return (vectors[left] * vectors[right]).sum(dim=-1), targets[left, SCORE]
