import math
from collections.abc import Sequence

import pytest
import torch

from polyhead.model.ngrams import PAIRS, SPREAD, BagOfNgrams, bag_for, pair_of
from polyhead.tasks.classification import Classification
from polyhead.tasks.entities import Entities

VOCABULARY = 30


@pytest.fixture
def bag() -> BagOfNgrams:
    found = BagOfNgrams({"topic": 3, "mood": 2}, vocabulary=VOCABULARY)
    generator = torch.Generator().manual_seed(0)
    for name, buffer in found.named_buffers():
        if name.endswith("squares"):
            buffer.uniform_(0.5, 4.0, generator=generator)
        elif name != "lowered":
            buffer.normal_(generator=generator)
    return found


def logits(bag: BagOfNgrams, *texts: Sequence[int], task: str = "topic") -> list[list[float]]:
    longest = max(map(len, texts))
    ids = torch.tensor([[*text, *[7] * (longest - len(text))] for text in texts])
    mask = torch.tensor([[1] * len(text) + [0] * (longest - len(text)) for text in texts])
    return bag(ids, mask)[task].tolist()


def test_they_are_the_scaled_sums_of_tokens_and_of_pairs(bag: BagOfNgrams) -> None:
    tokens, pair = [4, 9], int(pair_of(torch.tensor(4), torch.tensor(9)))
    token_length = math.sqrt(bag.token_squares[tokens].sum())
    expected = bag.tokens[tokens].sum(0) / token_length + bag.pairs[pair] / math.sqrt(bag.pair_squares[pair]) + bag.bias
    assert logits(bag, tokens)[0] == pytest.approx(expected[:3].tolist(), abs=1e-5)
    assert logits(bag, tokens, task="mood")[0] == pytest.approx(expected[3:].tolist(), abs=1e-5)


def test_what_occurs_again_counts_once(bag: BagOfNgrams) -> None:
    once = logits(bag, [4, 9, 4])[0]
    assert logits(bag, [4, 9, 4, 9, 4])[0] == pytest.approx(once, abs=1e-5)


def test_neighbours_matter_and_their_case_does_not(bag: BagOfNgrams) -> None:
    assert logits(bag, [4, 9, 12])[0] != pytest.approx(logits(bag, [9, 4, 12])[0], abs=1e-3)
    bag.lowered[9] = 4
    bag.tokens[9], bag.token_squares[9] = bag.tokens[4], bag.token_squares[4]
    assert logits(bag, [9, 12])[0] == pytest.approx(logits(bag, [4, 12])[0], abs=1e-5)


def test_padding_and_the_texts_beside_it_change_nothing(bag: BagOfNgrams) -> None:
    texts = [[4], [5, 7, 7, 9, 11], [7, 8, 9]]
    alone = [logits(bag, text)[0] for text in texts]
    assert torch.allclose(torch.tensor(logits(bag, *texts)), torch.tensor(alone), atol=1e-5)


def test_a_text_of_one_token_without_features_gets_the_bias(bag: BagOfNgrams) -> None:
    bag.tokens[3], bag.token_squares[3] = 0.0, 0.0
    assert logits(bag, [3])[0] == pytest.approx(bag.bias[:3].tolist())


def test_engines_that_divide_floating_point_numbers_get_the_same_pairs() -> None:
    tokens = torch.arange(0, 12_000, 7)
    exact = pair_of(tokens, tokens.flip(0))
    assert torch.equal(torch.fmod(tokens.float() * SPREAD + tokens.flip(0).float(), float(PAIRS)).long(), exact)


def test_only_tasks_that_are_named_have_them() -> None:
    tasks = {"topic": Classification(labels=("a", "b"), windows="attention"), "names": Entities(labels=("X",))}
    found = bag_for(tasks, ("topic",), vocabulary=VOCABULARY)
    assert found is not None
    assert found.outputs == {"topic": 3}
    assert bag_for(tasks, (), vocabulary=VOCABULARY) is None
