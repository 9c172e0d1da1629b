"""Records wait on disk until all their columns are known."""

from polyhead.data.formats.spooling import spooled


def test_records_are_there_as_often_as_needed() -> None:
    records = [{"text": "a"}, {"topic": "é", "text": "b"}, {}]
    with spooled(iter(records)) as spool:
        assert spool.columns == ["text", "topic"]
        assert list(spool.records()) == list(spool.records()) == records


def test_no_records_have_no_columns() -> None:
    with spooled([]) as spool:
        assert (spool.columns, list(spool.records())) == ([], [])
