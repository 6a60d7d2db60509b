"""The end of a command: every error becomes one line on standard error and an exit code, here.

With ``--json`` it becomes a document on standard output, too, of one shape whatever has happened.
"""

from __future__ import annotations

import os
import sys
import traceback
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import takewhile

import click

from zcasync.cli.ending import Ending
from zcasync.cli.output import json_text, print_line
from zcasync.control.refusal import AWAY, NO
from zcasync.control.refusal import Refusal as Refusal
from zcasync.text import printable, printable_lines

EXIT_NO = NO
EXIT_WRONG = 2
EXIT_AWAY = AWAY
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
    #: Options without a value: whether they were given, as far as the command line was understood.
    flags: dict[str, bool] = field(default_factory=dict)

    def has(self, flag: str) -> bool:
        """Return whether an option was given, such as ``--json``."""
        words = takewhile(lambda word: word != "--", self.words)
        return self.flags.get(flag, flag in words)

    @property
    def is_for_monitoring(self) -> bool:
        """Whether the command is ``status --check``."""
        return "status" in self.words and self.has("--check")


class ReaderLeft(Exception):
    """The end of a command whose reader has left.  Click would catch a BrokenPipeError itself."""


def say(message: str) -> None:
    """Print one line on standard error, whatever the message quotes."""
    print(printable(f"zcasync: {' '.join(message.split())}"), file=sys.stderr)


def exit_code_of(error: BaseException, invocation: Invocation) -> int:
    """Report the error on standard error, with ``--json`` also as a document; return its code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, KeyboardInterrupt | click.Abort):
        return EXIT_INTERRUPTED
    # Commands return their codes: SystemExit is what click and rich make of a broken pipe.
    if isinstance(error, BrokenPipeError | ReaderLeft | SystemExit):
        _silence_stdout()
        return EXIT_BROKEN_PIPE
    ending = ending_of(error, invocation)
    if invocation.is_for_monitoring:
        return _unknown(ending, invocation)
    say(ending.message)
    if invocation.has("--json"):
        _print_last(json_text(ending.as_dict()))
    return ending.code


def ending_of(error: BaseException, invocation: Invocation) -> Ending:
    """Return an error as it is told; an unforeseen one gets its traceback into the home's log."""
    from zcasync.cli.remedies import remedy_of

    kind = type(error).__name__
    if isinstance(error, click.ClickException):
        return Ending(EXIT_WRONG, "UsageError", _with_hint(error), _help_of(error))
    if isinstance(error, Refusal):
        return Ending(error.code, kind, str(error), error.remedy)
    code = _code_of_known(error)
    if code is not None:
        remedy = remedy_of(error, invocation.home)
        return Ending(code, kind, _with_command(error, invocation), remedy)
    where = _append_traceback(error, invocation)
    after = f"the traceback is in {where}" if where else None
    return Ending(EXIT_WRONG, kind, "; ".join(filter(None, (f"{kind}: {error}", after))), after)


def _unknown(ending: Ending, invocation: Invocation) -> int:
    """Tell monitoring, which reads standard output alone, that there is nothing to be known."""
    from zcasync.cli.monitor import line
    from zcasync.reports.trouble import Level

    text = line(Level.UNKNOWN, ending.message, [])
    if invocation.has("--json"):
        found = {"check": {"level": Level.UNKNOWN.name, "troubles": []}}
        text = json_text(found | replace(ending, code=Level.UNKNOWN).as_dict())
    _print_last(text)
    return Level.UNKNOWN


def _print_last(text: str) -> None:
    """Print one line on standard output, unless that takes no more."""
    with suppress(OSError):
        print_line(text)
        sys.stdout.flush()


def _help_of(error: click.ClickException) -> str | None:
    context = getattr(error, "ctx", None)
    return None if context is None else f"{context.command_path} --help"


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
                errors.UnknownQueue,
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
    return next((code for kinds, code in table if isinstance(error, kinds)), None)


def _with_hint(error: click.ClickException) -> str:
    help_text = _help_of(error)
    hint = "" if help_text is None else f" (see: {help_text})"
    return f"{error.format_message().rstrip('.')}{hint}"


def _with_command(error: BaseException, invocation: Invocation) -> str:
    """Return the text of an error, which may say how to give this command otherwise."""
    from zcasync.instance.trust import UntrustedHome

    if isinstance(error, UntrustedHome) and invocation.words:
        return error.told(invocation.words)
    return str(error)


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
