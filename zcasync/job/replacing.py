"""Replacing: a call that waits becomes another one, and stays the same partial."""

from __future__ import annotations

from typing import Any

from zcasync.job.record import PartialRecord

#: What a call is made of.
OF_THE_CALL = ("_call", "_name", "_packed", "_args", "_kwargs")
#: What a put has said of how it is made, and where.
OF_THE_PUT = (
    "_put", "_due", "_by", "_batch", "_detached", "_isolated", "_context", "_controls", "_secret",
    "_selected", "_excluded", "_retry", "_may_begin_once",
)  # fmt: skip
#: What has come of the attempts at it.
OF_THE_ATTEMPTS = (
    "_attempts", "_interruptions", "_conflicts", "_exceptions", "_snoozes", "_first_started",
    "_progress", "_aside", "_unasked_death",
)  # fmt: skip


def replace_call(partial: PartialRecord, other: PartialRecord) -> None:
    """Let a partial that waits make the call of another one, which was not put, as that is kept.

    What was said of the put before is forgotten, and so are its attempts.  Raises BadStateError
    unless it is pending.
    """
    partial.require_pending("call")
    own, given = partial.__dict__, other.__dict__
    for name in OF_THE_PUT + OF_THE_ATTEMPTS:
        if name in own:
            delattr(partial, name)
    for name in OF_THE_CALL:
        own.pop(name, None)
        if name in given:
            own[name] = given[name]
    if any(one is other for one in own.get("_args", ())):  # it is called with itself
        own["_args"] = tuple(partial if one is other else one for one in own["_args"])
    for name in ("_selected", "_excluded"):
        if name in given:
            setattr(partial, name, given[name])
    partial.forget_readings()
    partial._p_changed = True


def replace_arguments(
    partial: PartialRecord, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> None:
    """Let a partial that waits have other arguments.  Raises BadStateError unless it is pending."""
    partial.require_pending("arguments")
    partial._args = args
    if kwargs or partial._kwargs:
        partial._kwargs = kwargs
