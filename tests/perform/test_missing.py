"""Code that a call lacks: it is named, nothing has begun, and only a claimed call waits for it."""

from __future__ import annotations

import functools
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.jobs import samples
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.errors import MissingCallable, MissingClass, MissingPolicy
from zcasync.interfaces import ACTIVE, CALLBACKS
from zcasync.job.aside import Missing
from zcasync.job.callables import find
from zcasync.perform.missing import SetAside
from zcasync.perform.performer import Performer
from zcasync.workers.incarnation import Incarnation

SHOP = """
class Order:
    pass

def count(*orders):
    return len(orders)

def gentle(partial):
    from zcasync.retry.stock import RetryCommonFourTimes
    return RetryCommonFourTimes(partial)
"""


@pytest.fixture
def shop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A module that is there at the put."""
    module = types.ModuleType("passing_shop")
    monkeypatch.setitem(sys.modules, module.__name__, module)
    exec(SHOP, module.__dict__)
    return module


def claimed(session: Session, incarnation: Incarnation, item: Any, **options: Any) -> Partial:
    """What a worker has claimed, and loads anew."""
    partial = session.queue.put(item, **options)
    session.commit()
    [found] = session.claim()
    found.assign(incarnation)
    session.commit()
    session.connection.cacheMinimize()
    return partial


def missing_for(partial: Partial, incarnation: Incarnation) -> Missing:
    """What a child says that it lacks."""
    with pytest.raises(SetAside) as caught:
        Performer(sets_aside=True).perform_claimed(partial, incarnation)
    partial._p_jar.transaction_manager.abort()
    return caught.value.missing


def calls(shop: Any) -> dict[str, tuple[Any, dict[str, Any], str, str]]:
    """Calls that lack something: with the options of the put, the name and the beginning."""
    order = shop.Order
    return {
        "function": (shop.count, {}, "passing_shop", "function here: passing_shop.count ("),
        "bound": (
            Partial(functools.partial(shop.count, 1)), {},
            "passing_shop.count", "class here: passing_shop.count",
        ),
        "once": (shop.count, {"retry": "never"}, "passing_shop", "function here: passing_shop.c"),
        "detached": (shop.count, {"detached": True}, "passing_shop", "function here: passing_sh"),
        "argument": (
            Partial(samples.give_back, order()), {},
            "passing_shop.Order", "class here: passing_shop.Order",
        ),
        "contained": (
            Partial(samples.give_back, [{"of": order()}]), {},
            "passing_shop.Order", "class here: passing_shop.Order",
        ),
        "named": (
            Partial(samples.give_back, order), {},
            "passing_shop.Order", "class here: passing_shop.Order",
        ),
        "policy": (
            samples.nothing, {"retry": shop.gentle},
            "passing_shop", "retry policy here: passing_shop.gentle (",
        ),
    }  # fmt: skip


@pytest.mark.parametrize(
    "what",
    ["function", "bound", "once", "detached", "argument", "contained", "named", "policy"],
)
def test_what_a_call_lacks_is_named_and_nothing_has_begun(
    session: Session, incarnation: Incarnation, shop: Any, what: str
) -> None:
    item, options, name, text = calls(shop)[what]
    partial = claimed(session, incarnation, item, **options)
    del sys.modules["passing_shop"]
    missing = missing_for(partial, incarnation)

    assert missing.name == name
    assert missing.text.startswith(f"no such {text}")
    assert (partial.state, partial.was_begun, partial.started_at) == (ACTIVE, False, None)
    assert Missing.from_line(missing.as_line()) == missing
    sys.modules["passing_shop"] = shop
    session.connection.cacheMinimize()
    Performer(sets_aside=True).perform_claimed(partial, incarnation)
    assert (partial.state, partial.attempts) == ("completed", 1)


def test_a_callback_that_is_missing_leaves_its_job_as_it_was(
    session: Session, incarnation: Incarnation, shop: Any
) -> None:
    partial = Partial(samples.give_back, 5)
    callback = partial.addCallbacks(shop.count)
    claimed(session, incarnation, partial)
    del sys.modules["passing_shop"]

    assert missing_for(partial, incarnation).name == "passing_shop"
    assert (partial.state, partial.result, callback.state) == (CALLBACKS, 5, "pending")
    assert (partial.attempts, callback.attempts) == (1, 0)


@pytest.mark.parametrize("what", ["function", "argument", "policy"])
def test_who_cannot_wait_gets_the_failure(session: Session, shop: Any, what: str) -> None:
    item, _, _, _ = calls(shop)[what]
    partial = item if isinstance(item, Partial) else Partial(item)
    if what == "policy":
        partial._retry = "passing_shop:gentle"
    session.keep(partial)
    del sys.modules["passing_shop"]
    session.connection.cacheMinimize()
    kinds = {"function": MissingCallable, "argument": MissingClass, "policy": MissingPolicy}

    assert partial().check(kinds[what])


@pytest.mark.parametrize(
    ("code", "missing"),
    [
        ("import nothing_of_this_name", "nothing_of_this_name"),
        ("from os import nothing_there", "os"),
        ("raise ImportError(name=7)", "lacking"),
        ("raise ImportError", "lacking"),
        ("raise ValueError('odd')", None),
        ("call(:", None),
        ("import sys; sys.exit('usage')", None),
        ("", "lacking.call"),
    ],
)
def test_a_module_lacks_something_or_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: str, missing: str | None
) -> None:
    (tmp_path / "lacking.py").write_text(f"{code}\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(sys.modules, "lacking", raising=False)

    with pytest.raises(MissingCallable) as caught:
        find("lacking:call")
    assert caught.value.missing == missing
    sys.modules.pop("lacking", None)


def test_what_is_said_of_it_can_be_sent_and_shown() -> None:
    error = MissingCallable("gone", missing="mail\udc80.send")
    error.__cause__ = ImportError(f"\x1b[31m\nno\udc80 {'x' * 5000}")
    missing = Missing.of(error, "mail.send")

    assert missing is not None
    assert missing.as_line().encode()
    assert "\x1b" not in missing.text
    assert len(missing.text) <= 500
