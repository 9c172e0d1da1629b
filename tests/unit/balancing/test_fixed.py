from polyhead.balancing.base import LossBalancer
from polyhead.balancing.fixed import Fixed


def test_every_task_counts_by_its_weight() -> None:
    balancer = Fixed().begin({"topic": 1.0, "mood": 0.5})
    assert isinstance(balancer, LossBalancer)
    assert balancer.coefficients({"topic": 3.0, "mood": 9.0}, number=0) == {"topic": 1.0, "mood": 0.5}


def test_a_task_without_labels_in_the_step_takes_no_part() -> None:
    assert Fixed().begin({"topic": 1.0, "mood": 0.5}).coefficients({"mood": 9.0}, number=0) == {"mood": 0.5}
