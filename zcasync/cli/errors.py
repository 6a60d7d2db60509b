"""The end of a command: every error becomes one line on standard error and an exit code, here."""

from __future__ import annotations

import os
import sys
import traceback
from dataclasses import dataclass

import click

from zcasync.text import printable, printable_lines

EXIT_NO = 1
EXIT_WRONG = 2
EXIT_AWAY = 3
#: The exit codes with which shells report processes that end by SIGINT and SIGPIPE.
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


@dataclass
class Invocation:
    """The known facts about the command line when an error is to be reported."""

    home: str | None = None
    command: str = ""
    #: Behind the name of the program.
    words: tuple[str, ...] = ()


class Refusal(Exception):
    """An error that ends a command with a line on standard error."""

    def __init__(self, message: str, code: int = EXIT_NO) -> None:
        super().__init__(message)
        self.code = code


class ReaderLeft(Exception):
    """The end of a command whose reader has left.  Click would catch a BrokenPipeError itself."""


def say(message: str) -> None:
    """Print one line on standard error, whatever the message quotes."""
    print(printable(f"zcasync: {' '.join(message.split())}"), file=sys.stderr)


def exit_code_of(error: BaseException, invocation: Invocation) -> int:
    """Report the error on standard error, and return its exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return EXIT_INTERRUPTED
    # Commands return their codes: SystemExit is what click and rich make of a broken pipe.
    if isinstance(error, BrokenPipeError | ReaderLeft | SystemExit):
        _silence_stdout()
        return EXIT_BROKEN_PIPE
    if isinstance(error, click.ClickException):
        say(_with_hint(error))
        return EXIT_WRONG
    code = _code_of_known(error)
    if code is not None:
        say(_with_command(error, invocation))
        return code
    _report_unforeseen(error, invocation)
    return EXIT_WRONG


def _code_of_known(error: BaseException) -> int | None:
    """Return the exit code for an error that a command may end with; None for any other one."""
    from transaction.interfaces import TransientError
    from ZODB.POSException import StorageError

    from zcasync import errors
    from zcasync.instance.lock import AlreadyServed

    table: list[tuple[type[BaseException] | tuple[type[BaseException], ...], int]] = [
        # Trying again changes nothing: the call or the configuration has to be changed.
        (
            (
                errors.ConfigurationError,
                errors.BadCallable,
                errors.MissingCallable,
                AlreadyServed,
                PermissionError,
            ),
            EXIT_WRONG,
        ),
        # Only another process can go on, with the database that is there now.
        (errors.HistoryChanged, errors.HistoryChanged.exit_code),
        # Trying again later, or after starting a supervisor, may help.
        (
            (
                errors.NotRunning,
                errors.StorageAway,
                errors.FencedError,
                TransientError,
                StorageError,
            ),
            EXIT_AWAY,
        ),
        (errors.ZCAsyncError, EXIT_NO),
    ]
    if isinstance(error, Refusal):
        return error.code
    return next((code for kinds, code in table if isinstance(error, kinds)), None)


def _with_hint(error: click.ClickException) -> str:
    context = getattr(error, "ctx", None)
    hint = "" if context is None else f" (see: {context.command_path} --help)"
    return f"{error.format_message().rstrip('.')}{hint}"


def _with_command(error: BaseException, invocation: Invocation) -> str:
    """Return the text of an error, which may say how to give this command otherwise."""
    from zcasync.instance.trust import UntrustedHome

    if isinstance(error, UntrustedHome) and invocation.words:
        return error.told(invocation.words)
    return str(error)


def _report_unforeseen(error: BaseException, invocation: Invocation) -> None:
    """Report what is most likely a bug: one line for people, the traceback into the home's log."""
    where = _append_traceback(error, invocation)
    after = f"; the traceback is in {where}" if where else ""
    say(f"{type(error).__name__}: {error}{after}")


def _append_traceback(error: BaseException, invocation: Invocation) -> str | None:
    from zcasync.errors import ConfigurationError
    from zcasync.instance import own_files
    from zcasync.instance.home import Home

    trace = printable_lines("".join(traceback.format_exception(error)).rstrip("\n"), "\t")
    try:
        home = Home.named(invocation.home)
        path = home.log_file
        if not (home.is_there() and path.parent.is_dir()):
            return None
        own_files.append(path, f"zcasync {invocation.command} failed:\n{trace}\n")
    except (OSError, ConfigurationError):
        return None
    return str(path)


def _silence_stdout() -> None:
    """Let the interpreter's own flush at the end not complain about a reader that has left."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)
