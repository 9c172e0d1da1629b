import pytest
import torch

from polyhead.errors import TrainingError
from polyhead.training.memory import told_when_full


def test_no_more_memory_is_told_with_what_to_do() -> None:
    with pytest.raises(TrainingError, match=r"Lower `training.batch_tokens`"), told_when_full():
        torch.empty(2**55)


@pytest.mark.parametrize("error", [MemoryError(), torch.OutOfMemoryError("CUDA out of memory. Tried …")])
def test_a_device_without_memory_is_told_alike(error: Exception) -> None:
    with pytest.raises(TrainingError, match="must fit into memory"), told_when_full():
        raise error


def test_what_else_goes_wrong_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="must match"), told_when_full():
        torch.add(torch.zeros(2), torch.zeros(3))
