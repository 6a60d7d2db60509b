"""The remedies for what makes a home untrusted: what to type, in one line."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from zcasync.instance import trusted
from zcasync.instance.judgement import MARKS, ROOT, Doubt, Place, is_another_folder
from zcasync.text import printable
from zcasync.users import name_of


def told(home: Path, doubt: Doubt, paths: Sequence[Path], words: Sequence[str]) -> str:
    """Return a doubt with what to do about it, and about others where that is the same."""
    said = f"{printable(str(doubt.place.path))} {doubt.reason}"
    if doubt.leads_to is not None:
        return said + _close_the_way(home, doubt, doubt.leads_to)
    if is_another_folder(home):
        return no_home(home)
    if is_for_another(home, doubt):
        return said + _be_another(home, doubt, words)
    return f"{said}: {doubt.remedy.replace('{}', quoted(*paths))}" if doubt.remedy else said


def no_home(home: Path) -> str:
    """Return what is wrong with a folder that is no home, and what to do."""
    return (
        f"{printable(str(home))} is no instance home, but in use for something else: it has none "
        f"of {', '.join(MARKS)}: name a home with --home or INSTANCE_HOME"
    )


def is_for_another(home: Path, doubt: Doubt) -> bool:
    """Return whether another user should use the home, and not this one."""
    is_foreign = doubt.owner is not None and doubt.leads_to is None
    return is_foreign and (doubt.is_hidden or not _can_be_ours(home, doubt.place))


def _can_be_ours(home: Path, place: Place) -> bool:
    """Return whether it is likely that another user's file came into a home of this user."""
    try:
        is_ours = home.stat().st_uid == os.geteuid()
    except OSError:
        return False
    # Root makes homes for others, who then own the folders that a supervisor writes.
    return is_ours and (os.geteuid() != ROOT or not place.path.is_dir())


def _be_another(home: Path, doubt: Doubt, words: Sequence[str]) -> str:
    """Return what to do about a home of another user."""
    assert doubt.owner is not None
    command, *rest = words
    if not any(one == "--home" or one.startswith("--home=") for one in rest):
        rest = ["--home", str(home), *rest]
    who = name_of(doubt.owner) or f"#{doubt.owner}"
    line = printable(shlex.join(["sudo", "-u", who, _command(), command, *rest]))
    listed = _list_it(home, doubt.owner)
    if os.geteuid() == ROOT:
        return (
            f", who could have anything run as root: be that user: {line}; or, where that user may "
            f"do what root may, {listed}"
        )
    if doubt.is_hidden or not os.access(home, os.R_OK | os.X_OK):
        return f": name a home of your own with --home, or be that user: {line}"
    return (
        ", who could have anything run here: name a home of your own with --home, or, where "
        f"you trust that user as yourself, {listed}"
    )


def _command() -> str:
    """Return the path of the command: sudo does not look where this user's shell has found it."""
    beside = Path(sys.executable).with_name("zcasync")
    return str(beside) if beside.exists() else shutil.which("zcasync") or "zcasync"


def _close_the_way(home: Path, doubt: Doubt, leads_to: Path) -> str:
    """Return what others could do from the way to a place of a home, and what to do about it."""
    said = f", who could put something else in place of {printable(str(leads_to))}"
    if doubt.remedy:
        return f"{said}: {doubt.remedy.replace('{}', quoted(doubt.place.path))}"
    whom = "all of them" if doubt.owner is None else "that user"
    return f"{said}: move it, or, where you trust {whom} as yourself, {_list_it(home, doubt.owner)}"


def _list_it(home: Path, owner: int | None) -> str:
    """Return how to list a home that is trusted with an owner, or with all users."""
    file = trusted.own_file()
    line = shlex.join([str(home), *([] if owner is None else [f"owner={owner}"])])
    folder, text = quoted(file.parent), shlex.quote(line)
    if file == trusted.OF_THE_MACHINE and os.geteuid() != ROOT:
        paste = f"sudo mkdir -p -m 755 {folder} && echo {text} | sudo tee -a {quoted(file)}"
    else:
        paste = f"(umask 022 && mkdir -p {folder} && echo {text} >> {quoted(file)})"
    return f"list it: {printable(paste)}"


def quoted(*paths: Path) -> str:
    """Return paths as words of a command line."""
    return " ".join(shlex.quote(printable(str(path))) for path in paths)
