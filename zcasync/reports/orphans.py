"""Orphans: processes of a supervisor that is gone, left behind by it or by its jobs.

Children end by themselves when their supervisor is gone, and a job's own processes are killed
with its child, so there should be none.  One that is frozen, or that has moved to a session of its
own, can be left all the same.
"""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import psutil

from zcasync.instance.home import Home
from zcasync.instance.process_identity import ProcessIdentity, is_there
from zcasync.protocol.child_spec import ENGINE_VARIABLE, SUPERVISOR_VARIABLE, ChildSpec

CHILD_MODULE = "zcasync.child"
COMMAND_CHARACTERS = 120


@dataclass(frozen=True)
class Orphan:
    """One process; ``engine``: the one whose work it did, None where that is not known."""

    pid: int
    engine: str | None
    home: str
    since: datetime
    command: str

    def as_dict(self) -> dict[str, Any]:
        """Return the orphan as ``ghosts --json`` has it."""
        since = self.since.isoformat(timespec="seconds")
        return {**self.__dict__, "since": since}


def orphans(home: Home, engine: str | None, last_engine: str | None) -> list[Orphan]:
    """Return the orphans of this home on this machine, among the processes this user may inspect.

    Only those of this user and of the home's owner: what others say of a process is not believed.
    ``engine``: the one that the home's supervisor runs now, whose processes are in order;
    ``last_engine``: the last one that it recorded.
    """
    found = []
    users = {os.geteuid(), home.path.stat().st_uid}
    for process in psutil.process_iter():
        try:
            mark = _mark(process) if process.uids().real in users else None
            if mark is not None and mark.is_orphan(home, engine, last_engine):
                found.append(_described(process, mark, home))
        except psutil.Error:  # gone meanwhile, or another user's
            continue
    return sorted(found, key=lambda one: one.pid)


def _described(process: psutil.Process, mark: _Mark, home: Home) -> Orphan:
    since = datetime.fromtimestamp(process.create_time(), UTC)
    command = " ".join(process.cmdline())[:COMMAND_CHARACTERS]
    return Orphan(process.pid, mark.engine, str(home.path), since, command)


@dataclass(frozen=True)
class _Mark:
    """The facts that a process carries about the supervisor that it comes from."""

    engine: str | None
    home: str | None = None
    supervisor_lives: bool = False  # or may live, where this machine cannot know

    def is_orphan(self, home: Home, engine: str | None, last_engine: str | None) -> bool:
        """Return whether the process is an orphan of this home; see ``orphans``."""
        if self.supervisor_lives or (self.engine is not None and self.engine == engine):
            return False
        if self.home is None:
            return self.engine is not None and self.engine == last_engine
        return os.path.realpath(self.home) == os.path.realpath(home.path)


def _mark(process: psutil.Process) -> _Mark | None:
    """Return the mark in the environment or the command line; None: no process of zcasync."""
    if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
        return None
    environment = process.environ()
    engine = environment.get(ENGINE_VARIABLE)
    told = _json(environment.get(SUPERVISOR_VARIABLE, ""))
    try:
        return _Mark(engine, told["home"], ProcessIdentity.from_dict(told).is_alive() is not False)
    except (KeyError, TypeError, ValueError):
        spec = _spec(process.cmdline())
    if spec is not None:
        return _Mark(engine, spec.home, _is_older(spec.parent, process))
    return None if engine is None else _Mark(engine)


def _spec(words: list[str]) -> ChildSpec | None:
    """Return the specification that a child was started with, from its command line."""
    for number in range(len(words) - 2):
        if words[number : number + 2] == ["-m", CHILD_MODULE]:
            with contextlib.suppress(TypeError, ValueError):
                return ChildSpec.from_text(words[number + 2])
    return None


def _is_older(pid: int, process: psutil.Process) -> bool:
    """Return whether ``pid`` runs, or may run, and is not a later process than ``process``."""
    try:
        return psutil.Process(pid).create_time() <= process.create_time()
    except psutil.NoSuchProcess:
        return is_there(pid)  # it may be hidden


def _json(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}
