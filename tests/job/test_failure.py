"""Stored failures: no live frames, loadable everywhere, never too large."""

import io
import os
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from transaction.interfaces import DoomedTransaction, TransactionError
from twisted.python.failure import Failure
from ZEO.Exceptions import ClientDisconnected
from ZODB import DB
from ZODB.FileStorage import FileStorage
from ZODB.POSException import ConflictError, POSKeyError, ReadConflictError, StorageError
from zope.interface.exceptions import DoesNotImplement
from zope.interface.interfaces import ComponentLookupError

from tests.jobs import samples
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.errors import AbortedError, ConfigurationError, ForeignError, ZCAsyncError
from zcasync.job.failure import (
    MESSAGE_LIMIT_CHARACTERS,
    TRACEBACK_LIMIT_CHARACTERS,
    StoredFailure,
    from_exception,
    sanitize,
)
from zcasync.results.raised import raise_failure
from zcasync.text import shorten

ROOT = Path(__file__).resolve().parent.parent.parent


def failure_of(call: Callable[..., object], *args: object) -> StoredFailure:
    """What a job that raises leaves behind."""
    return Partial(call, *args)()


def raised(error: BaseException) -> StoredFailure:
    """The storable form of an exception that was raised."""
    try:
        raise error
    except BaseException as caught:
        return from_exception(caught)


def test_a_builtin_exception_keeps_its_class() -> None:
    failure = failure_of(samples.raise_value_error)

    assert failure.type is ValueError
    assert type(failure.value) is ValueError
    assert failure.value.args == ("as it was told",)
    assert failure.check(KeyError, ValueError) is ValueError
    assert failure.check(LookupError) is None
    assert failure.trap(Exception) is Exception
    with pytest.raises(ValueError, match="as it was told"):
        failure.raiseException()


def test_an_exception_of_ours_keeps_its_class() -> None:
    failure = raised(AbortedError("cancelled"))

    assert failure.type is AbortedError
    assert failure.check(ZCAsyncError)
    assert raised(ConfigurationError(["one", "two"])).value.problems == ["one; two"]


def test_any_other_exception_is_known_by_its_dotted_name() -> None:
    failure = failure_of(samples.raise_two_arguments)

    assert failure.type == "tests.jobs.samples.TwoArguments"
    assert failure.check("tests.jobs.samples.TwoArguments")
    assert failure.check(samples.TwoArguments)
    assert failure.check(Exception)
    assert not failure.check(ValueError)
    assert type(failure.value) is ForeignError
    assert failure.getErrorMessage() == "404: gone"
    with pytest.raises(ForeignError, match="404: gone"):
        failure.raiseException()


@pytest.mark.parametrize(
    ("error", "parent"),
    [
        (ComponentLookupError(object(), "IShop", ""), LookupError),
        (POSKeyError(b"\0" * 8), KeyError),
        (ReadConflictError("it has changed"), ConflictError),
        (ClientDisconnected("gone"), StorageError),
        (DoomedTransaction(), TransactionError),
        (DoesNotImplement("IShop"), Exception),
    ],
)
def test_an_exception_of_a_library_that_zcasync_stands_on_has_its_class(
    error: Exception, parent: type[Exception]
) -> None:
    failure = raised(error)

    assert failure.type is type(error)
    assert issubclass(failure.type, parent)
    assert failure.check(parent) is parent
    assert failure.getErrorMessage() == str(error)
    assert type(failure.value) is ForeignError
    assert failure.type_name == f"{type(error).__module__}.{type(error).__name__}"
    # What is stored is the name still: a process that has no such class loads it, too.
    assert failure.__reduce__()[1][0] == failure.type_name
    again = pickle.loads(pickle.dumps(failure))
    assert again.type is type(error)


def test_get_raises_the_exception_of_a_library() -> None:
    with pytest.raises(ComponentLookupError, match="no shop"):
        raise_failure(raised(ComponentLookupError("no shop")))


def test_the_traceback_is_there_and_no_frame_is() -> None:
    failure = failure_of(samples.raise_value_error)

    assert "in raise_value_error" in failure.getTraceback()
    assert failure.getTraceback().rstrip().endswith("ValueError: as it was told")
    assert (failure.frames, failure.tb) == ([], None)
    assert failure.getTracebackObject() is None
    assert failure.value.__traceback__ is None
    assert failure.value.__context__ is failure.value.__cause__ is None


def test_the_text_of_a_chained_exception_tells_of_its_cause() -> None:
    try:
        try:
            raise KeyError("the cause")
        except KeyError as error:
            raise ValueError("the effect") from error
    except ValueError as error:
        text = from_exception(error).getTraceback()

    assert text.index("KeyError: 'the cause'") < text.index("direct cause") < text.index("effect")


def test_brief_is_one_line_and_the_rest_is_the_stored_text() -> None:
    failure = failure_of(samples.raise_value_error)
    brief = io.StringIO()
    failure.printTraceback(brief, detail="brief")

    assert brief.getvalue() == "Traceback: builtins.ValueError: as it was told\n"
    assert failure.getTraceback() == failure.text
    assert repr(failure) == "<twisted.python.failure.Failure builtins.ValueError: as it was told>"
    assert str(failure)


def test_a_traceback_of_10_mb_is_capped() -> None:
    failure = failure_of(samples.raise_long, 10_000_000)

    assert len(failure.getTraceback()) < TRACEBACK_LIMIT_CHARACTERS + 100
    assert "characters left out" in failure.getTraceback()
    assert "in raise_long" in failure.getTraceback()
    assert len(failure.getErrorMessage()) < MESSAGE_LIMIT_CHARACTERS + 100
    assert len(pickle.dumps(failure)) < 100_000


def test_a_deep_traceback_keeps_its_beginning_and_its_end() -> None:
    failure = failure_of(samples.recurse, 300)
    text = failure.getTraceback()

    assert len(text) < TRACEBACK_LIMIT_CHARACTERS + 100
    assert "in f300_" in text
    assert "characters left out" in text
    assert text.rstrip().endswith("ValueError: deep")


def test_shorten_leaves_short_texts_alone() -> None:
    assert shorten("abc", 3) == "abc"
    assert shorten("a" * 50 + "b" * 50, 10) == "aaaaa\n... 90 characters left out ...\nbbbbb"


def test_an_exception_without_a_message_is_stored_all_the_same() -> None:
    failure = failure_of(samples.raise_bad_text)

    assert failure.getErrorMessage() == "<message unavailable: __str__ raised RuntimeError>"
    assert failure.type == "tests.jobs.samples.BadText"


def test_an_os_error_keeps_its_file_name() -> None:
    failure = failure_of(open, "/no/such/file")

    assert failure.type is FileNotFoundError
    assert failure.value.filename == "/no/such/file"
    assert failure.getErrorMessage() == "[Errno 2] No such file or directory: '/no/such/file'"
    assert pickle.loads(pickle.dumps(failure)).value.filename == "/no/such/file"


def test_an_os_error_keeps_both_file_names() -> None:
    failure = failure_of(os.rename, Path("/no/such/file"), b"/no/other")

    assert "'/no/such/file' -> b'/no/other'" in failure.getErrorMessage()


@pytest.mark.parametrize(
    "error",
    [
        UnicodeDecodeError("utf-8", b"\xff", 0, 1, "invalid start byte"),
        ExceptionGroup("several", [ValueError("one"), KeyError("two")]),
        KeyError(object),
        ValueError(samples.NotPicklable()),
        SystemExit(3),
        SyntaxError("invalid", ("file.py", 1, 2, "text", 1, 3)),
        RuntimeError(),
        ImportError("no module", name="some", path="/path"),
        StopIteration(5),
        samples.TwoArguments(1, "one"),
        OSError("only a text"),
        OSError(),
        KeyError("x" * 100_000),
    ],
    ids=lambda error: type(error).__name__,
)
def test_whatever_is_raised_can_be_stored_and_loaded(error: BaseException) -> None:
    failure = raised(error)
    loaded = pickle.loads(pickle.dumps(failure))

    assert type(loaded) is StoredFailure
    assert loaded.check(type(error))
    assert loaded.getTraceback() == failure.getTraceback()
    assert loaded.getErrorMessage() == failure.getErrorMessage()


def test_evidence_is_added_to_a_stored_failure() -> None:
    failure = raised(AbortedError("interrupted"))

    assert sanitize(failure) is failure
    assert failure.evidence == {}
    more = sanitize(sanitize(failure, signal=9), lines=["last"])
    assert more.evidence == {"signal": 9, "lines": ["last"]}
    assert more.type is AbortedError
    assert more.text == failure.text


KILLED = {
    "pid": 7,
    "signal": "SIGSEGV",
    "exit_code": None,
    "output": ("last words", "Fatal Python error: Segmentation fault", '  File "a.py", in bake'),
}


def test_the_traceback_of_a_killed_job_ends_with_what_its_child_wrote_last() -> None:
    failure = from_exception(AbortedError("interrupted"), **KILLED)
    loaded = pickle.loads(pickle.dumps(failure))

    text = loaded.getTraceback()
    assert text == failure.getTraceback()
    assert text.startswith(failure.text)
    assert text.endswith(
        "\nThe last output of child process 7 (SIGSEGV), and its stack where it has left one:\n"
        "  last words\n"
        "  Fatal Python error: Segmentation fault\n"
        '    File "a.py", in bake\n'
    )
    brief = io.StringIO()
    loaded.printTraceback(brief, detail="brief")
    assert "last words" not in brief.getvalue()


def test_the_traceback_of_a_job_whose_child_wrote_nothing_says_nothing_of_output() -> None:
    for evidence in ({**KILLED, "output": ()}, {"attempts": 3}):
        failure = from_exception(AbortedError("interrupted"), **evidence)
        assert failure.getTraceback() == failure.text


def test_a_child_s_output_in_a_traceback_is_capped() -> None:
    lines = tuple(f"line {number} {'x' * 2000}" for number in range(120))
    text = from_exception(AbortedError("killed"), **{**KILLED, "output": lines}).getTraceback()

    assert len(text) < TRACEBACK_LIMIT_CHARACTERS + 500
    assert "line 0 " in text
    assert "characters left out" in text
    assert text.endswith("x\n")


def test_a_failure_whose_frames_are_already_cleaned_keeps_its_lines() -> None:
    try:
        samples.raise_value_error()
    except ValueError:
        failure = Failure()
    failure.cleanFailure()

    text = sanitize(failure).getTraceback()
    assert "in raise_value_error" in text
    assert text.endswith("builtins.ValueError: as it was told\n")


def test_a_client_that_lacks_the_jobs_modules_can_read_the_failure(tmp_path: Path) -> None:
    db = DB(FileStorage(str(tmp_path / "Data.fs")))
    session = Session(db)
    for name in ("raise_two_arguments", "raise_value_error"):
        partial = session.keep(Partial(getattr(samples, name)), name)
        partial()
    session.close()
    db.close()
    code = (
        "import sys\n"
        "from ZODB import DB\n"
        "from ZODB.FileStorage import FileStorage\n"
        "sys.modules['tests'] = None\n"
        "root = DB(FileStorage(sys.argv[1], read_only=True)).open().root()\n"
        "foreign = root['raise_two_arguments'].result\n"
        "print(foreign.type, foreign.getErrorMessage())\n"
        "print('in raise_two_arguments' in foreign.getTraceback())\n"
        "print(root['raise_value_error'].result.check(ValueError))\n"
        "print(root['raise_value_error'].unhandled_error)\n"
    )

    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "Data.fs")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        text=True,
        capture_output=True,
        timeout=60,
    )

    assert done.stdout.splitlines() == [
        "tests.jobs.samples.TwoArguments 404: gone",
        "True",
        "<class 'ValueError'>",
        "True",
    ], done.stderr
