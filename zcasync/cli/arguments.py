"""The arguments of a put: JSON on the command line, in files or on standard input."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

#: In place of an argument's JSON: it is in the file whose path follows, or on standard input.
IN_FILE = "@"
ON_STDIN = "-"
#: A wrong argument is quoted up to here, unless it is secret.
QUOTED_CHARACTERS = 80
#: Said of what cannot be decoded.
NO_TEXT = "{} is no text in UTF-8"


@dataclass
class Arguments:
    """The arguments of one call, read from a command line; ``is_secret``: shown to nobody."""

    is_secret: bool = False
    positional: list[Any] = field(default_factory=list)
    named: dict[str, Any] = field(default_factory=dict)
    _problems: list[str] = field(default_factory=list)
    _reads_stdin: bool = False

    @classmethod
    def parse(cls, args: tuple[str, ...], kwargs: tuple[str, ...], is_secret: bool) -> Arguments:
        """Return the arguments.  Raises UsageError with all that is wrong."""
        made = cls(is_secret)
        for text in args:
            made.positional.append(made._value("--arg", text))
        for text in kwargs:
            made._add_named(text)
        if made._problems:
            raise click.UsageError("; ".join(made._problems), click.get_current_context())
        return made

    def _add_named(self, text: str) -> None:
        name, equals, given = text.partition("=")
        if not equals or not name.isidentifier():
            self._problems.append(f"--kwarg{self._quoted(text)} is not NAME=JSON")
        elif name in self.named:
            self._problems.append(f"--kwarg {name} is given twice")
        else:
            self.named[name] = self._value(f"--kwarg {name}:", given)

    def _value(self, option: str, text: str) -> Any:
        """Return the value of one argument; None, with a problem noted, where there is none."""
        if text == ON_STDIN:
            source, content = f"{option} -", self._stdin(option)
        elif text.startswith(IN_FILE):
            source, content = self._with_file(option, text), self._file(option, text)
        else:
            source, content = f"{option}{self._quoted(text)}", text
        if content is None:
            return None
        try:
            return json.loads(content)
        except (ValueError, RecursionError) as error:
            self._problems.append(
                f"{source} is not JSON ({error}); a text needs quotes: '\"text\"'"
            )

    def _stdin(self, option: str) -> str | None:
        if self._reads_stdin:
            self._problems.append(f"{option} -: standard input is read already, for another one")
            return None
        self._reads_stdin = True
        try:
            # The text layer would let bytes through that are no text, in some locales.
            return sys.stdin.buffer.read().decode("utf-8")
        except UnicodeDecodeError:  # its message would quote the content
            self._problems.append(f"{option} -: {NO_TEXT.format('standard input')}")
        return None

    def _file(self, option: str, text: str) -> str | None:
        try:
            return Path(text.removeprefix(IN_FILE)).read_text(encoding="utf-8")
        except OSError as error:
            why = error.strerror
        except ValueError:  # its message would quote the content
            why = NO_TEXT.format("it")
        self._problems.append(
            f"{self._with_file(option, text)} cannot be read: {why}; a text that begins with @ "
            "needs quotes: '\"@text\"'"
        )
        return None

    def _with_file(self, option: str, text: str) -> str:
        # What was meant as a text is secret, too.
        return f"{option} {'@FILE' if self.is_secret else text}"

    def _quoted(self, text: str) -> str:
        return "" if self.is_secret else f" {text[:QUOTED_CHARACTERS]!r}"
