import json

from polyhead.training.standing import Standing


def test_a_standing_survives_json_exactly() -> None:
    standing = Standing(step=7, epoch=2, batch=3)
    standing.note_losses({"topic": 0.1, "entities": 1 / 3})
    standing.note_score(0.7)
    again = Standing(step=7, **json.loads(json.dumps(standing.to_json())))
    assert again == standing


def test_a_task_that_a_batch_lacks_does_not_lower_its_mean_loss() -> None:
    standing = Standing()
    standing.note_losses({"topic": 2.0})
    standing.note_losses({"topic": 4.0, "entities": 1.0})
    assert standing.mean_losses() == {"topic": 3.0, "entities": 1.0}


def test_only_a_higher_score_is_better() -> None:
    standing = Standing(step=1)
    assert standing.note_score(0.5)
    standing.step = 2
    assert not standing.note_score(0.4)
    assert (standing.best_step, standing.epochs_since_best) == (1, 1)
    standing.step = 3
    assert standing.note_score(0.6)
    assert (standing.best_step, standing.best_score, standing.epochs_since_best) == (3, 0.6, 0)


def test_of_equal_scores_the_later_weights_are_kept_and_patience_runs_out() -> None:
    standing = Standing(step=1)
    standing.note_score(0.5)
    standing.step = 2
    assert standing.note_score(0.5)
    assert (standing.best_step, standing.epochs_since_best) == (2, 1)


def test_without_dev_rows_the_latest_weights_are_the_best() -> None:
    standing = Standing(step=1)
    assert standing.note_score(None)
    standing.step = 2
    assert standing.note_score(None)
    assert standing.best_step == 2
