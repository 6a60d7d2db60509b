"""Views of a partial: arguments, annotations, sets of workers."""

import uuid
from collections.abc import Callable

import pytest

from tests.jobs import samples
from tests.support.sessions import ONE, THREE, TWO, Connect, Session
from zcasync import Partial
from zcasync.errors import BadStateError


def test_args_are_a_mutable_sequence(session: Session) -> None:
    partial = session.keep(Partial(samples.echo, 1, 2))
    partial.args.append(3)
    partial.args.insert(0, 0)
    partial.args[1] = "one"
    partial.args[2:3] = ["two", "and"]
    del partial.args[-1]
    session.commit()
    session.connection.cacheMinimize()

    assert partial.args == [0, "one", "two", "and"]
    assert partial.args != [0]
    assert partial.args[1:] == ["one", "two", "and"]
    assert (len(partial.args), repr(partial.args)) == (4, "[0, 'one', 'two', 'and']")
    assert partial() == (0, "one", "two", "and", {})


def test_kwargs_are_a_mutable_mapping(session: Session) -> None:
    partial = session.keep(Partial(samples.echo, a=1))
    partial.kwargs["b"] = 2
    partial.kwargs.update(c=3)
    del partial.kwargs["a"]
    session.commit()
    session.connection.cacheMinimize()

    assert partial.kwargs == {"b": 2, "c": 3}
    assert (len(partial.kwargs), repr(partial.kwargs)) == (2, "{'b': 2, 'c': 3}")
    assert partial() == ({"b": 2, "c": 3},)


def test_the_name_of_a_keyword_argument_is_a_string() -> None:
    with pytest.raises(TypeError, match="names are strings, not int"):
        Partial(samples.echo).kwargs[1] = 2


@pytest.mark.parametrize(
    "change",
    [
        lambda partial: partial.args.append(1),
        lambda partial: partial.args.pop(),
        lambda partial: partial.args.__setitem__(0, 1),
        lambda partial: partial.kwargs.update(a=2),
        lambda partial: partial.kwargs.clear(),
        lambda partial: partial.selectedUUIDs.add(ONE),
        lambda partial: partial.excludedUUIDs.update([ONE]),
        lambda partial: partial.excludedUUIDs.remove(TWO),
    ],
)
def test_no_view_can_be_changed_once_the_partial_is_no_longer_pending(
    change: Callable[[Partial], None],
) -> None:
    partial = Partial(samples.echo, 0, a=1)
    partial.excludedUUIDs.add(TWO)
    partial()

    with pytest.raises(BadStateError, match="can change while a partial is pending, not completed"):
        change(partial)
    assert (list(partial.args), dict(partial.kwargs)) == ([0], {"a": 1})
    assert list(partial.excludedUUIDs) == [TWO]


def test_annotations_are_a_mapping_in_a_record_of_its_own(connect: Connect) -> None:
    one, other = connect(), connect()
    partial = one.keep(Partial(samples.nothing))
    assert (dict(partial.annotations), len(partial.annotations)) == ({}, 0)
    partial.annotations["a"] = 1
    partial.annotations["b"] = 2
    del partial.annotations["a"]
    one.commit()

    other.sync()
    seen = other.same(partial).annotations
    assert (dict(seen), repr(seen), "b" in seen) == ({"b": 2}, "{'b': 2}", True)
    assert partial._sidecar._p_oid != partial._p_oid
    with pytest.raises(KeyError):
        _ = partial.annotations["a"]
    with pytest.raises(KeyError):
        del Partial(samples.nothing).annotations["a"]


def test_annotations_can_be_written_in_every_state() -> None:
    partial = Partial(samples.nothing)
    partial()

    partial.annotations["after"] = True

    assert partial.annotations["after"]


@pytest.mark.parametrize("name", ["selectedUUIDs", "excludedUUIDs"])
def test_the_workers_of_a_partial_are_a_set(session: Session, name: str) -> None:
    partial = session.keep(Partial(samples.nothing))
    workers = getattr(partial, name)
    assert (list(workers), len(workers)) == ([], 0)

    workers.add(TWO)
    workers.update([ONE, THREE, ONE])
    workers.remove(THREE)
    session.commit()
    session.connection.cacheMinimize()

    found = getattr(partial, name)
    assert (list(found), len(found)) == ([ONE, TWO], 2)
    assert ONE in found
    assert THREE not in found
    assert str(ONE) not in found
    assert repr(found) == f"{{{ONE}, {TWO}}}"
    assert all(type(worker) is uuid.UUID for worker in found)


def test_a_worker_that_is_not_there_cannot_be_removed() -> None:
    with pytest.raises(KeyError):
        Partial(samples.nothing).selectedUUIDs.remove(ONE)


@pytest.mark.parametrize("wrong", ["00000000000000000000000000000001", ONE.bytes, 1, None])
def test_workers_are_named_by_uuids_only(wrong: object) -> None:
    partial = Partial(samples.nothing)

    for change in (partial.selectedUUIDs.add, partial.selectedUUIDs.remove):
        with pytest.raises(TypeError, match=r"named by its uuid\.UUID"):
            change(wrong)


@pytest.mark.parametrize(
    ("selected", "excluded", "may"),
    [
        ([], [], True),
        ([ONE], [], True),
        ([TWO], [], False),
        ([], [ONE], False),
        ([], [TWO], True),
        ([ONE, TWO], [ONE], False),
    ],
)
def test_a_partial_says_which_workers_may_run_it(
    selected: list[uuid.UUID], excluded: list[uuid.UUID], may: bool
) -> None:
    partial = Partial(samples.nothing)
    partial.selectedUUIDs.update(selected)
    partial.excludedUUIDs.update(excluded)

    assert partial.may_run_on(ONE.bytes) == may
