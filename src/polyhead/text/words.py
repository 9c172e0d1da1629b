"""Where words begin, told from the text alone, so that it is the same for every tokenizer.

A word is a run of letters and digits with what attaches to them (accents, joiners), or one other visible
character. Scripts written without spaces have one word a character.
"""

import unicodedata
from functools import lru_cache

import numpy as np

from polyhead.spans import Booleans, Integers

SPACE, LETTER, ALONE, ATTACHED, JOINER, FLAG = range(6)
ZERO_WIDTH_JOINER = 0x200D
REGIONAL_INDICATORS = range(0x1F1E6, 0x1F200)
SKIN_TONES = range(0x1F3FB, 0x1F400)
# Unicode counts these as part of the character before them, though not as marks.
ATTACHING = frozenset({0x200C, 0x0E33, 0x0EB3, 0xFF9E, 0xFF9F, *SKIN_TONES, *range(0xE0020, 0xE0080)})
UNSPACED_SCRIPTS = (
    range(0x0E00, 0x0F00),  # Thai, Lao
    range(0x1000, 0x10A0),  # Myanmar
    range(0x1780, 0x1800),  # Khmer
    range(0x3040, 0x3100),  # Hiragana, Katakana
    range(0x3400, 0x4DC0),  # CJK ideographs
    range(0x4E00, 0xA000),
    range(0xAC00, 0xD7B0),  # Hangul: particles are written onto the noun
    range(0xF900, 0xFB00),
    range(0x20000, 0x40000),
)


def code_points(text: str) -> Integers:
    """Return the text's code points, shape `(characters,)`."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)


def word_starts(codes: Integers) -> tuple[Booleans, Booleans]:
    """Tell where words begin and what is white space.

    Args:
        codes: code points, shape `(characters,)`.

    Returns:
        Two arrays of shape `(characters,)`: true where a word begins, and true at white space.
    """
    unique, inverse = np.unique(codes, return_inverse=True)
    classes = np.array([_class_of(code) for code in unique.tolist()], dtype=np.int8)[inverse]
    before = np.concatenate([[SPACE], classes[:-1]]) if len(classes) else classes
    space = classes == SPACE
    # What attaches takes on the class of its base, so that a letter after an accent goes on with the word.
    base = _carried_forward(classes)
    base_before = np.concatenate([[SPACE], base[:-1]]) if len(base) else base
    attaches = ((classes == ATTACHED) | (classes == JOINER)) & (before != SPACE)
    continues = (classes == LETTER) & (base_before == LETTER)
    joined = (before == JOINER) & ~space
    flag = (classes == FLAG) & _odd_in_run(classes == FLAG)
    return ~space & ~attaches & ~continues & ~joined & ~flag, space


def _carried_forward(classes: Integers) -> Integers:
    own = (classes != ATTACHED) & (classes != JOINER)
    source = np.maximum.accumulate(np.where(own, np.arange(len(classes)), 0))
    return classes[source]


def _odd_in_run(flags: Booleans) -> Booleans:
    """Mark every second member of each run: the second half of a pair."""
    position = np.arange(len(flags))
    run_start = np.maximum.accumulate(np.where(flags, -1, position)) if len(flags) else position
    return flags & ((position - run_start) % 2 == 0)


@lru_cache(maxsize=65536)
def _class_of(code: int) -> int:
    character = chr(code)
    if character.isspace():
        return SPACE
    if code == ZERO_WIDTH_JOINER:
        return JOINER
    if code in REGIONAL_INDICATORS:
        return FLAG
    if code in ATTACHING or unicodedata.category(character).startswith("M"):
        return ATTACHED
    if any(code in script for script in UNSPACED_SCRIPTS):
        return ALONE
    return LETTER if character.isalnum() else ALONE
