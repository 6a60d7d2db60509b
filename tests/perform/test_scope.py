"""Scope: what an application has around an attempt at a call, and the call as that has it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.jobs import samples
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.perform.scope import Scope

CALL = (samples.give_back, (1,), {})


class Doubling:
    """What a context gives."""

    def prepare_call(self, call: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        return call, tuple(2 * one for one in args), kwargs


@contextmanager
def context(given: Any) -> Iterator[Any]:
    yield given


@pytest.mark.parametrize(("given", "args"), [(Doubling(), (2,)), (None, (1,)), ({}, (1,))])
def test_what_a_context_gives_may_prepare_the_call(session: Session, given: Any, args: Any) -> None:
    partial = session.keep(Partial(samples.give_back, 1))
    with Scope() as scope:
        found = scope.enter(partial, context(given), CALL)

    assert found == (samples.give_back, args, {})


def test_without_a_context_the_call_is_what_it_was(session: Session) -> None:
    with Scope() as scope:
        assert scope.enter(session.keep(Partial(samples.nothing)), None, CALL) is CALL
