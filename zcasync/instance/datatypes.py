"""Datatypes: how the values of settings are read from etc/zcasync.conf; each raises ValueError."""

from __future__ import annotations

import os

import ZConfig.datatypes

from zcasync.instance.queue_names import served, served_text


def seconds(text: str) -> float:
    """Return a number of seconds, above 0.  Raises ValueError."""
    value = float(text)
    if not 0 < value < 10**9:
        raise ValueError(f"{text!r} is not a number of seconds above 0")
    return value


def seconds_or_0(text: str) -> float:
    """Return a number of seconds, 0 or more.  Raises ValueError."""
    value = float(text)
    if not 0 <= value < 10**9:
        raise ValueError(f"{text!r} is not a number of seconds from 0 on")
    return value


def days(text: str) -> float:
    """Return a number of days, 0 or more.  Raises ValueError."""
    value = float(text)
    if not 0 <= value < 10**5:
        raise ValueError(f"{text!r} is not a number of days from 0 on")
    return value


def count(text: str) -> int:
    """Return a whole number, 0 or more.  Raises ValueError."""
    value = int(text)
    if value < 0:
        raise ValueError(f"{text!r} is less than 0")
    return value


def memory(text: str) -> int:
    """Return a number of bytes, above 0, for 300MB or 1GB.  Raises ValueError."""
    value = int(ZConfig.datatypes.stock_datatypes["byte-size"](text))
    if value <= 0:
        raise ValueError(f"{text!r} is not a number of bytes above 0")
    return value


def isolation(text: str) -> str:
    """Return ``none`` or ``job``.  Raises ValueError."""
    if text not in ("none", "job"):
        raise ValueError(f"{text!r} is neither none nor job")
    return text


def log(text: str) -> str:
    """Return ``file``, or ``-`` for standard error.  Raises ValueError."""
    if text not in ("file", "-"):
        raise ValueError(f"{text!r} is neither file nor -, which is standard error")
    return text


def log_format(text: str) -> str:
    """Return ``text`` or ``json``.  Raises ValueError."""
    if text not in ("text", "json"):
        raise ValueError(f"{text!r} is neither text nor json")
    return text


def queues(text: str) -> str:
    """Return the names of queues that are to be served.  Raises ValueError."""
    return served_text(served(text))


def folder(text: str) -> str:
    """Return the path of a folder to import from.  Raises ValueError."""
    if os.pathsep in text:
        raise ValueError(f"{text!r} has a {os.pathsep!r} in it: give each folder a line of its own")
    return text
