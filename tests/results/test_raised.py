"""What ``get`` raises: what the job raised, with the worker's traceback as its cause."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest

from tests.jobs import samples
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.errors import AbortedError, ForeignError, RemoteTraceback, ZCAsyncError


class Declined(Exception):
    """An application's own."""


class Coded(Exception):
    """One that cannot be made of its message."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(code, text)


def raised_for(
    session: Session, error: BaseException, kept: bool = True
) -> tuple[Partial, BaseException]:
    partial = session.keep(Partial(samples.nothing))
    try:
        raise error
    except BaseException as caught:
        partial.fail(caught)
    with pytest.raises(type(error) if kept else ForeignError) as info:
        partial.get()
    return partial, info.value


@pytest.mark.parametrize(
    "error",
    [
        ValueError("no", 3),
        KeyError("key"),
        FileNotFoundError(2, "gone", "a.txt"),
        AbortedError("stopped"),
        Declined("no funds"),
    ],
)
def test_the_exception_itself_is_raised(session: Session, error: Exception) -> None:
    _, found = raised_for(session, error)
    assert type(found) is type(error)
    assert str(found) == str(error)


def test_the_cause_is_the_traceback_where_the_job_ran(session: Session) -> None:
    partial, found = raised_for(session, Declined("no funds"))
    assert isinstance(found.__cause__, RemoteTraceback)
    assert partial.result.getTraceback() in str(found.__cause__)
    assert "in raised_for" in str(found.__cause__)


def test_each_get_raises_an_exception_of_its_own(session: Session) -> None:
    partial, found = raised_for(session, ValueError("once"))
    with pytest.raises(ValueError, match="once") as again:
        partial.get()
    assert again.value is not found
    assert partial.result.value.__traceback__ is None


@pytest.mark.parametrize("error", [Coded(3, "no"), SystemExit(3), KeyboardInterrupt()])
def test_what_cannot_be_raised_here_is_named(session: Session, error: Any) -> None:
    partial, found = raised_for(session, error, kept=False)
    assert type(found) is ForeignError
    assert isinstance(found, ZCAsyncError)
    assert str(found) == f"{partial.result.type_name}: {partial.result.getErrorMessage()}"


def test_a_class_whose_module_is_not_loaded_here_is_named_and_not_imported(
    session: Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "far_away.py").write_text("class Lost(Exception):\n    pass\n")
    monkeypatch.syspath_prepend(tmp_path)
    import far_away  # type: ignore[import-not-found]

    partial = session.keep(Partial(samples.nothing))
    partial.fail(far_away.Lost("there"))
    monkeypatch.delitem(sys.modules, "far_away")
    with pytest.raises(ForeignError, match=r"far_away\.Lost: there"):
        partial.get()
    assert "far_away" not in sys.modules
