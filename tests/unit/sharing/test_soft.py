import pytest
import torch

from polyhead.sharing._soft import TiedEncoders, layers_of


def test_the_penalty_is_the_squared_distance_of_every_two_encoders() -> None:
    torch.manual_seed(0)
    encoder = torch.nn.Linear(3, 2)
    tied = TiedEncoders(encoder, ("a", "b", "c"), strength=0.5)
    assert tied.penalty(encoder).item() == pytest.approx(0.0, abs=1e-9)  # type: ignore[union-attr]
    with torch.no_grad():
        for weight in tied.parameters():
            weight.normal_()
    every = [torch.cat([weight.flatten() for weight in one.parameters()]) for one in (encoder, *tied.encoders)]
    pairs = [(every[i] - every[j]).square().sum() for i in range(3) for j in range(i)]
    assert tied.penalty(encoder).item() == pytest.approx(0.5 * sum(pair.item() for pair in pairs), rel=1e-5)  # type: ignore[union-attr]


def test_one_task_alone_is_tied_to_nothing() -> None:
    encoder = torch.nn.Linear(3, 2)
    assert TiedEncoders(encoder, ("a",), strength=0.5).penalty(encoder) is None


def test_an_encoder_without_layers_cannot_be_stitched() -> None:
    with pytest.raises(TypeError, match="must have its layers in a list"):
        layers_of(torch.nn.Linear(2, 2))
