import pytest
import torch

from polyhead.errors import UsageError
from polyhead.model.compact import train_tokenizer


@pytest.mark.parametrize(
    ("sizes", "rule"),
    [
        ({"width": 100}, "multiple of 64"),
        ({"layers": 0}, "at least 1"),
        ({"vocabulary": 70_000}, "at most 65536"),
        ({"width": 512, "layers": 6}, "at most 25 MB"),
    ],
)
def test_a_shape_that_cannot_be_is_refused(sizes: dict[str, int], rule: str) -> None:
    from network import Shape

    with pytest.raises(UsageError, match=rule):
        Shape(**sizes)


def test_the_sizes_that_the_script_tells_are_right() -> None:
    from network import Shape

    assert Shape().bytes / 1e6 == pytest.approx(10.0, abs=0.05)
    assert Shape(layers=6, width=384).bytes / 1e6 == pytest.approx(25.0, abs=0.05)


def test_the_same_seed_gives_the_same_weights_and_leaves_the_callers_numbers_alone() -> None:
    from network import Shape, build

    vocabulary = train_tokenizer(["The ferry to Naxos runs today.", "The ferry was late."]).get_vocab()
    state = torch.random.get_rng_state()
    one, same, other = (build(Shape(width=64, layers=1), vocabulary, seed=seed) for seed in (3, 3, 4))
    assert torch.equal(torch.random.get_rng_state(), state)
    weights = same.state_dict()
    assert all(torch.equal(tensor, weights[name]) for name, tensor in one.state_dict().items())
    assert not torch.equal(one.words.features, other.words.features)
