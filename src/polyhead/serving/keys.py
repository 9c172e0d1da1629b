"""API keys: read from a file, kept as hashes, compared in constant time."""

import base64
import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from pathlib import Path

from polyhead.errors import UsageError

HASHED = re.compile(r"sha256:([0-9a-fA-F]{64})")


class Keys:
    """The keys that open the server.

    Args:
        users: SHA-256 of each key that may ask for answers.
        admins: SHA-256 of each key that may also reload models.
    """

    def __init__(self, users: Iterable[bytes] = (), admins: Iterable[bytes] = ()) -> None:
        self._users, self._admins = tuple(users), tuple(admins)

    @property
    def needed(self) -> bool:
        """Tell whether a key is needed to ask for answers; admin keys alone leave asking open."""
        return bool(self._users)

    def opens(self, presented: str | None) -> bool:
        """Tell whether a key may ask for answers."""
        return _among(presented, (*self._users, *self._admins))

    def administers(self, presented: str | None) -> bool:
        """Tell whether a key may reload models."""
        return _among(presented, self._admins)


def read_keys(path: Path) -> tuple[bytes, ...]:
    """Read a file of keys: one a line, as it is or as `sha256:` and the hash in hexadecimal; `#` begins a comment.

    Raises:
        UsageError: the file cannot be read, or holds no key.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        message = f"the file of API keys must be readable. Found {path}: {reason}."
        raise UsageError(message) from error
    keys = [line.strip() for line in lines if line.strip() and not line.lstrip().startswith("#")]
    if not keys:
        message = f"{path} must hold at least one API key, one a line. Found none."
        raise UsageError(message)
    return tuple(map(_hash_of, keys))


def presented_key(authorization: str | None) -> str | None:
    """Return the key of an `Authorization` header: a bearer token, or the password that a browser asked for."""
    scheme, _, value = (authorization or "").partition(" ")
    if scheme.lower() == "bearer":
        return value.strip() or None
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2] or None
        except (binascii.Error, UnicodeDecodeError):
            return None
    return None


def _hash_of(key: str) -> bytes:
    hashed = HASHED.fullmatch(key)
    return bytes.fromhex(hashed.group(1)) if hashed else hashlib.sha256(key.encode()).digest()


def _among(presented: str | None, hashes: tuple[bytes, ...]) -> bool:
    if presented is None:
        return False
    given = hashlib.sha256(presented.encode("utf-8", "surrogatepass")).digest()
    # Every hash is compared, so that the time tells nothing about which key was near.
    found = False
    for known in hashes:
        found |= hmac.compare_digest(given, known)
    return found
