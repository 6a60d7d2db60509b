"""Ids as people read and write them."""

import pytest
from ZODB import DB
from ZODB.DemoStorage import DemoStorage

from tests.jobs import samples
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.job.ids import hex_oid, id_of, parse


@pytest.mark.parametrize("name", ["", "main", "unnamed", "zc.async", "a:b"])
def test_an_id_leads_back_to_its_object(name: str) -> None:
    db = DB(DemoStorage(), database_name=name)
    session = Session(db)
    partial = session.keep(Partial(samples.nothing))
    written = id_of(partial)

    named = name not in ("", "main", "unnamed")
    number = f"{int.from_bytes(partial._p_oid):#x}"
    assert written == (f"{name}:{number}" if named else number)
    assert parse(written) == (name if named else "", partial._p_oid)
    assert hex_oid(partial._p_oid) == number
    session.close()
    db.close()


@pytest.mark.parametrize("text", ["0x1a2b", "1a2b", "0X1A2B", "00001a2b"])
def test_ids_are_read_as_people_write_them(text: str) -> None:
    assert parse(text) == ("", b"\0\0\0\0\0\0\x1a\x2b")
    assert parse(f"zc.async:{text}") == ("zc.async", b"\0\0\0\0\0\0\x1a\x2b")


@pytest.mark.parametrize("text", ["", "0x", "xyz", "-1", "0x1" + "0" * 16, "main:", "1a2b:main"])
def test_text_that_is_no_id_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match="is not an id such as 0x1a2b"):
        parse(text)
