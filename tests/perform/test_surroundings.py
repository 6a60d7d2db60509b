"""Surroundings: how they are put back, in threads, in steps, and when modules set them."""

from __future__ import annotations

import contextvars
import socket
import sys
import types
import warnings
from collections.abc import Iterator
from typing import Any

import pytest
import zope.component.hooks
import zope.globalrequest
import zope.security.management
from twisted.internet.defer import CancelledError, Deferred

from tests.support.access_control import SecurityManagement, users
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.perform.performer import Performer
from zcasync.perform.surroundings import (
    OF_A_STEP,
    OF_PROCESS,
    OF_THREAD,
    Surroundings,
    kept,
    kept_in_steps,
)

VARIABLE = contextvars.ContextVar("VARIABLE", default=0)


class Site:
    def getSiteManager(self) -> Any:
        return zope.component.getGlobalSiteManager()


@pytest.fixture(autouse=True)
def as_before() -> Iterator[None]:
    """What these tests change is as before after each."""
    with kept((*OF_THREAD, *OF_PROCESS)):
        yield


def see() -> tuple[Any, ...]:
    return (
        zope.component.hooks.getSite(),
        zope.globalrequest.getRequest(),
        zope.security.management.queryInteraction(),
        SecurityManagement.getSecurityManager(),
        socket.getdefaulttimeout(),
        list(warnings.filters),
    )


def change() -> None:
    zope.component.hooks.setSite(Site())
    zope.globalrequest.setRequest(object())
    zope.security.management.endInteraction()
    zope.security.management.newInteraction()
    SecurityManagement.newSecurityManager(None, users.system)
    socket.setdefaulttimeout(7.0)
    warnings.simplefilter("error")


def test_what_there_was_before_is_there_again_not_nothing() -> None:
    change()
    before = see()
    with kept(OF_A_STEP):
        change()
        assert see()[:3] != before[:3]
    assert see() == before


def test_nothing_of_a_job_can_be_restored() -> None:
    surroundings = Surroundings(OF_THREAD)
    surroundings.within(change)
    zope.security.management.restoreInteraction()
    assert zope.security.management.queryInteraction() is None


def test_filters_that_are_put_back_count_again_at_once() -> None:
    surroundings = Surroundings(OF_PROCESS)
    surroundings.within(warnings.simplefilter, "error")
    with pytest.warns(UserWarning, match="as before"):  # it is no error any more
        warnings.warn("as before", UserWarning, stacklevel=1)


def test_what_a_module_sets_when_it_is_imported_for_a_call_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    surroundings = Surroundings(OF_PROCESS)
    surroundings.within(surroundings.invoke, see)

    def attempt() -> Any:
        monkeypatch.setitem(sys.modules, "tests.a_module", types.ModuleType("tests.a_module"))
        socket.setdefaulttimeout(30.0)  # as that module does
        return surroundings.invoke(socket.setdefaulttimeout, 1.0)

    surroundings.within(attempt)
    assert socket.getdefaulttimeout() == 30.0
    surroundings.within(surroundings.invoke, socket.setdefaulttimeout, 2.0)
    assert socket.getdefaulttimeout() == 30.0


def test_a_direct_call_changes_what_its_caller_has(session: Session) -> None:
    session.keep(Partial(socket.setdefaulttimeout, 5.0))()
    assert socket.getdefaulttimeout() == 5.0


def test_a_context_variable_lasts_as_long_as_the_attempt() -> None:
    surroundings = Surroundings(())
    assert surroundings.within(lambda: VARIABLE.set(1) and VARIABLE.get()) == 1
    assert VARIABLE.get() == 0


def test_a_performer_makes_each_attempt_within_what_its_process_says(session: Session) -> None:
    attempts = []

    def within(work: Any, *args: Any) -> Any:
        attempts.append(args)
        return work(*args)

    partial = session.keep(Partial(len, "abc"))
    partial.addCallback(str)
    session.commit()
    Performer(within=within).perform(partial)
    assert [run.partial for (run,) in attempts] == [partial, *partial.callbacks]


# coroutines


def steps(coroutine: Any) -> Deferred[Any]:
    return Deferred.fromCoroutine(kept_in_steps(coroutine, OF_A_STEP))


def test_a_coroutine_leaves_nothing_while_it_awaits_nor_at_its_end() -> None:
    before, first = see(), Deferred[int]()

    async def work() -> int:
        change()
        found = await first
        assert see() == before
        change()
        return found

    result = steps(work())
    assert see() == before
    first.callback(42)
    assert see() == before
    assert result.result == 42


def test_an_exception_is_thrown_into_the_coroutine_and_comes_out_of_it() -> None:
    first = Deferred[None]()

    async def work() -> None:
        try:
            await first
        except KeyError as error:
            raise ValueError("as a result") from error

    result = steps(work())
    first.errback(KeyError("x"))
    failures: list[Any] = []
    result.addErrback(failures.append)
    assert failures[0].check(ValueError)
    assert isinstance(failures[0].value.__cause__, KeyError)


def test_a_coroutine_that_is_cancelled_ends_and_cleans_up() -> None:
    cleaned: list[bool] = []

    async def work() -> None:
        try:
            await Deferred()
        finally:
            cleaned.append(True)

    result = steps(work())
    failures: list[Any] = []
    result.addErrback(failures.append)
    result.cancel()
    assert failures[0].check(CancelledError)
    assert cleaned == [True]


def test_a_generator_that_is_closed_closes_the_coroutine() -> None:
    cleaned: list[bool] = []

    async def work() -> None:
        try:
            await Deferred()
        finally:
            cleaned.append(True)

    generator = kept_in_steps(work(), OF_A_STEP)
    next(generator)
    generator.close()
    assert cleaned == [True]
