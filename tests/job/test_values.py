"""Whether a value can be stored, found out before it is committed."""

import pytest
from persistent.mapping import PersistentMapping
from persistent.wref import WeakRef

from tests.jobs import samples
from tests.jobs.samples import Demo
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.errors import UnstorableError
from zcasync.job.values import INLINE_LIMIT_BYTES, RESULT_LIMIT_BYTES, LargeValue, storable


@pytest.mark.parametrize(
    "value",
    [None, True, 1, 1.5, "text", b"bytes", (1, (2,)), "x" * 5000, Demo(), frozenset([1, 2])],
    ids=lambda value: type(value).__name__,
)
def test_small_values_are_stored_as_they_are(value: object) -> None:
    assert storable(value) is value


@pytest.mark.parametrize("value", [[1, {2: (3,)}], {1, 2}, ([1],)], ids=repr)
def test_what_a_job_could_still_change_is_stored_as_a_copy(value: object) -> None:
    stored = storable(value)

    assert stored == value
    assert stored is not value


@pytest.mark.parametrize(
    "value",
    ["x" * INLINE_LIMIT_BYTES, b"x" * 10_000, list(range(10_000)), 1 << 100_000],
    ids=lambda value: type(value).__name__,
)
def test_large_values_get_a_record_of_their_own(value: object) -> None:
    stored = storable(value)

    assert isinstance(stored, LargeValue)
    assert stored.value == value


@pytest.mark.parametrize(
    "value",
    [b"x" * RESULT_LIMIT_BYTES, 1 << (8 * RESULT_LIMIT_BYTES)],
    ids=lambda value: type(value).__name__,
)
def test_too_large_values_are_refused_with_the_sizes(value: object) -> None:
    with pytest.raises(UnstorableError, match=r"takes 16,777,\d+ bytes .* the limit is 16,777,216"):
        storable(value)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (samples.NotPicklable(), "a NotPicklable, cannot be pickled: TypeError: will not be"),
        ([samples.NotPicklable()], "a list, cannot be pickled: TypeError: will not be pickled"),
        (samples.NotLoadable(), "but not loaded again: RuntimeError: will not be loaded"),
        (samples.TwoArguments(1, "one"), "but not loaded again: TypeError"),
        (lambda: None, "the thing, a function, cannot be pickled"),
    ],
)
def test_a_value_that_does_not_survive_storing_is_refused_with_the_reason(
    value: object, reason: str
) -> None:
    with pytest.raises(UnstorableError, match=reason):
        storable(value, "thing")


def test_persistent_objects_inside_are_references_and_not_looked_into(session: Session) -> None:
    demo = session.keep(Demo())
    demo.large = "x" * 100_000
    unstorable = PersistentMapping(bad=lambda: None)

    assert storable([demo, demo, unstorable])
    assert storable({"a": demo}) == {"a": demo}


def test_weak_references_can_be_stored(session: Session) -> None:
    demo = session.keep(Demo())
    partial = session.keep(Partial(samples.give_back, [WeakRef(demo)]), "partial")

    partial()

    session.connection.cacheMinimize()
    assert partial.result[0]() is demo
