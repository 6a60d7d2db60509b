"""The remedies for what makes a home untrusted: what to type, in one line."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from pathlib import Path

from zcasync.instance import trusted
from zcasync.instance.judgement import ROOT, Doubt, Place
from zcasync.text import printable
from zcasync.users import name_of


def told(home: Path, doubt: Doubt, paths: Sequence[Path], words: Sequence[str]) -> str:
    """Return a doubt with what to do about it, and about others where that is the same."""
    said = f"{printable(str(doubt.place.path))} {doubt.reason}"
    if doubt.leads_to is not None:
        return said + _close_the_way(home, doubt, doubt.leads_to)
    if doubt.owner is not None and not _can_be_ours(home, doubt.place):
        return said + _be_another(home, doubt.owner, words)
    return f"{said}: {doubt.remedy} {quoted(*paths)}" if doubt.remedy else said


def _can_be_ours(home: Path, place: Place) -> bool:
    """Return whether it is likely that another user's file came into a home of this user."""
    try:
        is_ours = home.stat().st_uid == os.geteuid()
    except OSError:
        return False
    # Root makes homes for others, who then own the folders that a supervisor writes.
    return is_ours and (os.geteuid() != ROOT or not place.path.is_dir())


def _be_another(home: Path, owner: int, words: Sequence[str]) -> str:
    """Return what to do about a home of another user."""
    listed = f"list it in {trusted.own_file()}"
    if os.geteuid() != ROOT:
        return (
            ", who could have anything run here: name a home of your own with --home, or, where "
            f"you trust that user as yourself, {listed}"
        )
    command, *rest = words
    if not any(one == "--home" or one.startswith("--home=") for one in rest):
        rest = ["--home", str(home), *rest]
    line = shlex.join(["sudo", "-u", name_of(owner) or f"#{owner}", "zcasync", command, *rest])
    return f", who could have anything run as root: be that user: {printable(line)} (or {listed})"


def _close_the_way(home: Path, doubt: Doubt, leads_to: Path) -> str:
    """Return what others could do from the way to a place of a home, and what to do about it."""
    said = f", who could put something else in place of {printable(str(leads_to))}"
    if doubt.remedy:
        return f"{said}: {doubt.remedy} {quoted(doubt.place.path)}"
    whom = "all of them" if doubt.owner is None else "that user"
    return f"{said}: move it, or, where you trust {whom} as yourself, {_list_it(home, doubt.owner)}"


def _list_it(home: Path, owner: int | None) -> str:
    """Return how to list a home that is trusted with an owner, or with all users."""
    file = trusted.own_file()
    line = shlex.join([str(home), *([] if owner is None else [f"owner={owner}"])])
    folder = quoted(file.parent)
    return printable(
        f"list it: mkdir -p {folder} && echo {shlex.quote(line)} >> {quoted(file)} && "
        f"chmod -R go-w {folder}"
    )


def quoted(*paths: Path) -> str:
    """Return paths as words of a command line."""
    return " ".join(shlex.quote(printable(str(path))) for path in paths)
