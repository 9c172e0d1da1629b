import base64
import hashlib
from pathlib import Path

import pytest

from polyhead.errors import UsageError
from polyhead.serving.keys import Keys, presented_key, read_keys


def digest(key: str) -> bytes:
    return hashlib.sha256(key.encode()).digest()


def test_a_file_holds_keys_as_they_are_or_hashed(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text(f"# mine\nplain-key\n\n sha256:{digest('other').hex()} \n")
    keys = Keys(read_keys(path))
    assert keys.opens("plain-key")
    assert keys.opens("other")
    assert not keys.opens(f"sha256:{digest('other').hex()}")
    assert not keys.opens("# mine")


@pytest.mark.parametrize("presented", [None, "", "plain-ke", "plain-keyy", "PLAIN-KEY", "\udcff"])
def test_near_keys_do_not_open(presented: str | None) -> None:
    assert not Keys([digest("plain-key")]).opens(presented)


def test_an_admin_key_opens_everything_and_a_users_key_does_not_administer() -> None:
    keys = Keys([digest("user")], [digest("admin")])
    assert keys.opens("admin")
    assert keys.administers("admin")
    assert keys.opens("user")
    assert not keys.administers("user")


def test_admin_keys_alone_leave_asking_open() -> None:
    assert not Keys((), [digest("admin")]).needed
    assert Keys([digest("user")]).needed


def test_no_keys_are_needed_and_none_opens_anything() -> None:
    assert not Keys().needed
    assert not Keys().opens("anything")
    assert not Keys().administers("anything")


def test_every_hash_is_compared_wherever_the_match_is(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def comparing(given: bytes, known: bytes) -> bool:
        compared.append(known)
        return given == known

    monkeypatch.setattr("hmac.compare_digest", comparing)
    Keys([digest(name) for name in "abc"]).opens("a")
    assert len(compared) == 3


@pytest.mark.parametrize("content", ["", "\n\n", "# only a comment\n"])
def test_a_file_without_a_key_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "keys"
    path.write_text(content)
    with pytest.raises(UsageError, match="at least one API key"):
        read_keys(path)


def test_a_file_that_cannot_be_read_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="No such file"):
        read_keys(tmp_path / "absent")
    (tmp_path / "binary").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="not UTF-8"):
        read_keys(tmp_path / "binary")


@pytest.mark.parametrize(
    ("header", "key"),
    [
        (None, None),
        ("", None),
        ("Bearer abc", "abc"),
        ("bearer  abc ", "abc"),
        ("Bearer ", None),
        ("Basic " + base64.b64encode(b"me:secret").decode(), "secret"),
        ("Basic " + base64.b64encode(b"secret").decode(), None),
        ("Basic %%%", None),
        ("Digest abc", None),
    ],
)
def test_a_key_is_a_bearer_token_or_a_browsers_password(header: str | None, key: str | None) -> None:
    assert presented_key(header) == key
