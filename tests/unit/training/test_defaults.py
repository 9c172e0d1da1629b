import pytest

from polyhead.recipe import EncoderSettings, TrainingSettings
from polyhead.training.defaults import resolve

COMPACT, HUB = EncoderSettings(name="compact"), EncoderSettings(name="some/encoder")


def test_what_the_recipe_says_holds() -> None:
    training = TrainingSettings(epochs=2, batch_tokens=99, learning_rate=0.5, head_learning_rate=0.7, swap_entities=0.0)
    for encoder in (COMPACT, HUB):
        settings = resolve(training, encoder, tokens=[10**6], width=768)
        assert (settings.epochs, settings.batch_tokens, settings.swap_entities) == (2, 99, 0.0)
        assert (settings.learning_rate, settings.head_learning_rate) == (0.5, 0.7)


def test_an_encoder_from_nothing_learns_faster_and_longer() -> None:
    ours, theirs = (resolve(TrainingSettings(), encoder, tokens=[10**5], width=768) for encoder in (COMPACT, HUB))
    assert ours.learning_rate > 10 * theirs.learning_rate
    assert ours.epochs > theirs.epochs
    assert (ours.swap_entities, theirs.swap_entities) == (0.3, 0.0)


def test_the_heads_of_a_pretrained_encoder_learn_faster_than_it_does() -> None:
    settings = resolve(TrainingSettings(), HUB, tokens=[10**5], width=768)
    assert settings.head_learning_rate > settings.learning_rate


def test_a_wide_encoder_gets_a_lower_rate() -> None:
    rates = [resolve(TrainingSettings(), HUB, tokens=[10**5], width=width).learning_rate for width in (384, 768, 1024)]
    assert rates[0] == rates[1] > rates[2]


@pytest.mark.parametrize("encoder", [COMPACT, HUB])
def test_more_rows_mean_more_steps_and_fewer_passes(encoder: EncoderSettings) -> None:
    tokens = [10**power for power in range(1, 9)]
    epochs = [resolve(TrainingSettings(), encoder, tokens=[count], width=768).epochs for count in tokens]
    assert epochs == sorted(epochs, reverse=True)
    steps = [count * passes for count, passes in zip(tokens, epochs, strict=True)]
    assert steps == sorted(steps)
    assert epochs[-1] == 3


@pytest.mark.parametrize("encoder", [COMPACT, HUB])
def test_tasks_on_rows_of_their_own_have_the_steps_together_that_each_has_alone(encoder: EncoderSettings) -> None:
    tokens = [10**6, 2 * 10**5, 5 * 10**4]
    alone = [resolve(TrainingSettings(), encoder, tokens=[of], width=768).epochs for of in tokens]
    assert alone[0] < alone[1] < alone[2]
    steps = sum(of * epochs for of, epochs in zip(tokens, alone, strict=True))
    together = resolve(TrainingSettings(), encoder, tokens=tokens, width=768).epochs
    assert together == pytest.approx(steps / sum(tokens), abs=0.6)


def test_tasks_on_the_same_rows_have_the_passes_of_one() -> None:
    one, two = (resolve(TrainingSettings(), COMPACT, tokens=[10**5] * tasks, width=256).epochs for tasks in (1, 2))
    assert one == two


def test_steps_in_the_place_of_epochs_never_end_early() -> None:
    settings = resolve(TrainingSettings(max_steps=7), COMPACT, tokens=[10], width=192)
    assert settings.max_steps == 7
    assert settings.epochs >= 7


@pytest.mark.parametrize(("freeze", "added"), [("all", False), (None, True)])
def test_heads_on_an_encoder_that_stands_still_learn_as_from_nothing(freeze: str | None, *, added: bool) -> None:
    training = TrainingSettings(freeze=freeze)
    ours = resolve(TrainingSettings(), COMPACT, tokens=[10**4], width=256)
    for width in (256, 1024):
        still = resolve(training, HUB, tokens=[10**4], width=width, added=added)
        assert (still.epochs, still.batch_tokens) == (ours.epochs, ours.batch_tokens)
        assert still.head_learning_rate == pytest.approx(0.01 * 256 / width)
    assert resolve(training, HUB, tokens=[10**4], width=256, added=added).freeze == (freeze or "none")
