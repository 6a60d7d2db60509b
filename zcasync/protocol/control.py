"""The AMP commands between operators and a supervisor, over ``var/control.sock``."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from twisted.protocols import amp

from zcasync.protocol.arguments import PIECE_BYTES
from zcasync.text import cut, printable


class Status(amp.Command):  # type: ignore[misc]
    """The supervisor's status: JSON text in pieces, ``piece`` counts from 0."""

    arguments = [(b"piece", amp.Integer())]
    response = [(b"text", amp.String()), (b"more", amp.Boolean())]


class Stop(amp.Command):  # type: ignore[misc]
    """A graceful stop; answered with the supervisor's pid before it begins.

    ``who``: as in Cancel.
    """

    arguments = [(b"who", amp.Unicode(optional=True))]
    response = [(b"pid", amp.Integer())]


class Reload(amp.Command):  # type: ignore[misc]
    """New children in place of all; answered at once, ``status`` says what becomes of it.

    ``who``: as in Cancel.
    """

    arguments = [(b"who", amp.Unicode())]
    response = [
        (b"generation", amp.Integer()),
        (b"problem", amp.Unicode()),  # '' when it has begun
    ]


class Cancel(amp.Command):  # type: ignore[misc]
    """The cancel of a job that this supervisor holds; answered at once, the record shows its end.

    ``oid``: 8 bytes; ``who``: who the operator says it is.  The job's Failure has the name that is
    answered: the user of the connection, and then the claim where it is another one.
    """

    arguments = [(b"oid", amp.String()), (b"who", amp.Unicode())]
    response = [
        (b"problem", amp.Unicode()),  # '' when it is being stopped
        (b"who", amp.Unicode(optional=True)),
    ]


class Progress(amp.Command):  # type: ignore[misc]
    """The last report of a job that this supervisor runs: JSON, null where there is none.

    ``oid``: 8 bytes.
    """

    arguments = [(b"oid", amp.String())]
    response = [(b"text", amp.String())]


#: All there are, by their names in a message.
COMMANDS: dict[bytes, type[amp.Command]] = {
    command.commandName: command for command in (Status, Stop, Reload, Cancel, Progress)
}
OID_BYTES = 8
#: The code of the error that answers a message which makes no sense.
BAD_MESSAGE = b"BAD_MESSAGE"


class BadMessage(ValueError):
    """A message of an operator that makes no sense; the text says why, in printable words."""


def require_sense(box: Mapping[bytes, bytes]) -> None:
    """Raise BadMessage unless a message is one of the commands, with its arguments only."""
    name = box.get(amp.COMMAND, b"")
    command = COMMANDS.get(name)
    if command is None:
        raise BadMessage(f"there is no command {_shown(name)}")
    own = {key for key, _ in command.arguments}
    for key in box:
        if key not in own and key not in (amp.COMMAND, amp.ASK):
            raise BadMessage(f"{_shown(name)} has no argument {_shown(key)}")
    for key, argument in command.arguments:
        if key not in box and not argument.optional:
            raise BadMessage(f"{_shown(name)} needs the argument {_shown(key)}")
    try:
        given = command.parseArguments(dict(box), None)
    except ValueError as error:
        raise BadMessage(f"the arguments of {_shown(name)}: {_shown(error)}") from error
    if "oid" in given and len(given["oid"]) != OID_BYTES:
        raise BadMessage(f"an oid has {OID_BYTES} bytes, not {len(given['oid'])}")
    if given.get("piece", 0) < 0:
        raise BadMessage(f"there is no piece {given['piece']}")


def _shown(value: object) -> str:
    """Return a part of a message for people: printable, and not too long."""
    text = value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value)
    return cut(printable(text))


def pieces(value: Any) -> list[bytes]:
    """Return a JSON value as texts that each fit an AMP value; at least one."""
    text = json.dumps(value).encode()
    return [text[start : start + PIECE_BYTES] for start in range(0, len(text), PIECE_BYTES)]
