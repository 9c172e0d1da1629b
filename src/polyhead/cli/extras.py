"""Parts of Polyhead that are installed on demand."""

from collections.abc import Sequence
from importlib.util import find_spec

from polyhead.errors import MissingExtraError

READING = ("pyarrow", "tomli_w")
TRAINING = ("torch", "transformers", "accelerate", "matplotlib", *READING)


def need_packages(what: str, packages: Sequence[str] = TRAINING, *, extra: str = "train") -> None:
    """Refuse a command whose packages are not installed.

    Raises:
        MissingExtraError: the first package that is absent, with the line that installs it.
    """
    for package in packages:
        if find_spec(package) is None:
            raise MissingExtraError(what, package, extra)
