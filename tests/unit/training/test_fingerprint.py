from typing import Any

from polyhead.training.fingerprint import differing


def document(**training: int) -> dict[str, Any]:
    return {"recipe": {"encoder": {"name": "compact"}, "training": training}, "data": {"rows.jsonl": "ab"}}


def test_what_differs_is_named() -> None:
    assert differing(document(epochs=1), document(epochs=1)) == []
    assert differing(document(epochs=1), document(epochs=2, seed=3)) == ["training.epochs", "training.seed"]
    other = {**document(epochs=1), "data": {"rows.jsonl": "cd", "more.jsonl": "ef"}}
    assert differing(document(epochs=1), other) == ["more.jsonl", "rows.jsonl"]


def test_of_many_the_first_are_named() -> None:
    many = {f"key{number}": number for number in range(8)}
    assert differing(document(), document(**many))[-1] == "3 more"


def test_a_checkpoint_of_before_differs_in_everything() -> None:
    assert "encoder.name" in differing({}, document(epochs=1))
