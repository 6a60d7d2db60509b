"""Several processes at one queue: who conflicts with whom, and who never does."""

from collections.abc import Callable
from pathlib import Path

import pytest
from ZODB import DB
from ZODB.POSException import ConflictError

from tests.jobs import samples
from tests.support.sessions import ONE, TWO, Connect, Session
from zcasync import Partial


def put(session: Session, count: int = 1) -> list[Partial]:
    return [session.queue.put(samples.nothing) for _ in range(count)]


def test_two_clients_that_put_at_once_do_not_conflict_from_the_first_put_on(
    connect: Connect,
) -> None:
    one, two, reader = connect(), connect(), connect()
    for round_ in range(50):
        one.sync()
        two.sync()
        put(one)
        put(two, 2)
        one.commit()
        two.commit()
        reader.sync()
        assert len(reader.queue) == 3 * (round_ + 1)


def test_many_clients_whose_first_puts_meet_do_not_conflict(file_db: DB) -> None:
    """The tree of lanes grows by many keys at once, which plain BTrees merge."""
    sessions = [Session(file_db) for _ in range(20)]
    for session in sessions:
        put(session)
    for session in sessions:
        session.commit()

    sessions[0].sync()
    assert len(sessions[0].claim()) == 20
    for session in sessions:
        session.close()


def test_a_put_and_a_claim_do_not_conflict(connect: Connect) -> None:
    client, engine = connect(), connect()
    put(client, 5)
    client.commit()
    for _ in range(5):
        client.sync()
        engine.sync()
        put(client)
        assert len(engine.claim(1)) == 1
        engine.commit()
        client.commit()

    engine.sync()
    assert len(engine.queue) == 5


def test_two_claims_conflict_and_what_one_took_the_other_does_not_see(connect: Connect) -> None:
    client, one, two = connect(), connect(), connect()
    put(client, 10)
    client.commit()
    one.sync()
    two.sync()
    first, second = one.claim(6), two.claim(6)
    assert [p._p_oid for p in first] == [p._p_oid for p in second]
    one.commit()

    with pytest.raises(ConflictError):
        two.commit()
    two.abort()
    rest = two.claim(6)
    two.commit()

    assert len(rest) == 4
    assert not {p._p_oid for p in first} & {p._p_oid for p in rest}
    assert len(two.queue) == 0


def test_claims_from_different_lanes_do_not_conflict(connect: Connect) -> None:
    clients = [connect(), connect()]
    engines = [connect(), connect()]
    for client in clients:
        client.sync()
        put(client, 2)
        client.commit()
    first, second = sorted(clients[0].manager.thread.lanes(), key=lambda key: key == bytes(16))[:2]
    for engine, key in zip(engines, (first, second), strict=True):
        engine.sync()
        polite = {key}.__contains__
        found = engine.queue.claim(
            ONE.bytes, 10, polite=lambda key, lane, polite=polite: polite(key)
        )
        assert len(found.partials) <= 2
    for engine in engines:
        engine.commit()


@pytest.mark.parametrize(
    "change",
    [
        lambda partial: partial.args.append(1),
        lambda partial: partial.selectedUUIDs.add(TWO),
        lambda partial: setattr(partial, "callable", samples.make_six),
        lambda partial: partial.queue.withdraw(partial),
    ],
    ids=["args", "selectedUUIDs", "callable", "withdraw"],
)
def test_changing_a_waiting_partial_and_claiming_it_conflict(
    connect: Connect, change: Callable[[Partial], None]
) -> None:
    client, other, engine = connect(), connect(), connect()
    [partial] = put(client)
    client.commit()
    other.sync()
    engine.sync()
    change(other.same(partial))
    engine.activate(engine.same(partial))

    with pytest.raises(ConflictError):
        other.commit()
    other.abort()
    with pytest.raises(Exception, match=r"pending|does not wait"):
        change(other.same(partial))


def test_a_claim_of_a_partial_that_was_just_withdrawn_conflicts(connect: Connect) -> None:
    client, engine = connect(), connect()
    [partial] = put(client)
    client.commit()
    engine.sync()
    client.queue.withdraw(partial)
    client.commit()
    [claimed] = engine.claim()
    engine.activate_claimed(claimed)

    with pytest.raises(ConflictError):
        engine.commit()
    engine.abort()
    assert engine.claim() == []
    engine.commit()
    assert len(engine.queue) == 0


def test_puts_survive_in_a_file(tmp_path: Path, file_db: DB) -> None:
    session = Session(file_db)
    session.queue.put_many([samples.nothing] * 700)
    session.commit()
    put(session, 50)
    session.commit()
    session.connection.cacheMinimize()
    file_db.cacheMinimize()

    assert len(session.queue) == 750
    assert len(session.claim(800)) == 750
    session.close()


def test_a_connection_that_is_used_again_goes_on_with_its_lane(db: DB) -> None:
    for _ in range(5):
        session = Session(db)
        put(session, 3)
        session.commit()
        session.close()

    session = Session(db)
    assert len(session.queue.lanes()) <= 3, "the pool hands out the same connections"
    assert len(session.claim()) == 15
    session.close()
