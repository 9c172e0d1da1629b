import lzma
from pathlib import Path

import numpy as np
import pytest

from polyhead.errors import UsageError


def test_a_file_that_no_table_lists_is_refused(text: Path, tmp_path: Path) -> None:
    from corpus import find_sources

    (tmp_path / "harbour.txt").write_text("One passage.\n", encoding="utf-8")
    with pytest.raises(UsageError, match=r"SOURCE\.md must tell what harbour\.txt is"):
        find_sources([tmp_path])
    with pytest.raises(UsageError, match=r"Found none"):
        find_sources([text / "SOURCE.md"])


def test_text_is_tokenised_once_and_what_occurs_again_is_left_out(text: Path, tmp_path: Path) -> None:
    from corpus import find_sources, prepare, read_passages, table

    sources = find_sources([text])
    corpus = prepare(tmp_path / "text", sources, vocabulary=300)
    passages = [passage for source in sources for passage in read_passages(source)]
    assert len(corpus.ends) == len(set(passages)) == len(passages) - 1
    assert corpus.tokens.dtype == np.uint16
    assert len(corpus.tokens) == corpus.ends[-1]
    third = corpus.tokens[corpus.ends[1] : corpus.ends[2]].tolist()
    assert third == corpus.tokenizer.encode(passages[2].lower(), add_special_tokens=False).ids
    first = corpus.tokens[: corpus.ends[0]].tolist()
    assert first == corpus.tokenizer.encode(passages[0], add_special_tokens=False).ids
    rows = table(sources, corpus)
    assert [row["licence"] for row in rows] == ["CC0", "CC BY 4.0"]
    assert sum(row["tokens"] for row in rows) == len(corpus.tokens)
    # Nothing is read again where it is there already.
    again = prepare(tmp_path / "text", [], vocabulary=300)
    assert np.array_equal(again.tokens, corpus.tokens)


def test_compressed_text_is_read_as_plain_text_is(text: Path, tmp_path: Path) -> None:
    from corpus import Source, read_passages

    packed = tmp_path / "harbour.txt.xz"
    packed.write_bytes(lzma.compress((text / "harbour.txt").read_bytes()))
    plain, compressed = (
        list(read_passages(Source(path, "what", "where", "CC0", sha256=""))) for path in (text / "harbour.txt", packed)
    )
    assert plain
    assert plain == compressed
