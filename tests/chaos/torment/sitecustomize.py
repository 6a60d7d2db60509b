"""Traps at commits and messages of supervisors, children and servers: kill or freeze right there.

Every Python process that has this folder on its ``PYTHONPATH`` imports this module when it starts;
the product's code knows nothing of it.  ``ZCASYNC_TORMENT`` names the folder of the traps: a file
``armed/ROLE.COMMIT.MOMENT.ACTION`` is a trap, sprung once by the first process that passes there.
tests/chaos/points.py names them all.
"""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

FOLDER = os.environ.get("ZCASYNC_TORMENT", "")
#: The file whose first line is the pid of PostgreSQL's first process, where that is the server.
POSTGRES = os.environ.get("ZCASYNC_TORMENT_SERVER", "")
ROLES = {
    "zcasync.child": "child",
    "zcasync.cli.main": "supervisor",
    "zcasync.zeo": "server",
    "ZEO.runzeo": "server",
    "zcasync.supervisor.zeo_server": "server",
}
#: The functions that commit, innermost first, and what their commits are called.
COMMITS = {
    ("zcasync.supervisor.registration", "register"): "begin",
    ("zcasync.supervisor.registration", "deregister"): "end",
    ("zcasync.supervisor.poll.peers", "look"): "burial",
    ("zcasync.supervisor.poll.poll_pass", "_run"): "pass",
    ("zcasync.perform.checkpoint", "checkpoint"): "checkpoint",
    ("zcasync.perform.call", "call"): "job",
    ("zcasync.perform.group_commit", "commit"): "group",
    ("zcasync.perform.commits", "begin"): "start",
    ("zcasync.perform.commits", "reschedule"): "reschedule",
    ("zcasync.perform.commits", "settle"): "settle",
    ("zcasync.perform.commits", "end"): "failure",
    ("zcasync.perform.follow_up", "_below"): "complete",
}
#: What is read of their variables, to know more.
VARIABLES = {"pass": {"given", "result", "connection"}, "job": {"run"}}


def role() -> str | None:
    """What this process is: the module that was started with ``-m``."""
    words = sys.orig_argv
    return ROLES.get(words[words.index("-m") + 1]) if "-m" in words else None


def commits() -> set[str]:
    """What the commit that this thread is at is called."""
    frame: Any = sys._getframe(2)
    while frame is not None:
        module = frame.f_globals.get("__name__", "")
        if module == "tests.chaos.jobs":
            return {"own"}
        name = COMMITS.get((module, frame.f_code.co_name))
        if name is not None:
            return _refined(name, frame.f_locals)
        frame = frame.f_back
    return {"other"}


def _refined(name: str, values: dict[str, Any]) -> set[str]:
    if name == "pass":
        given, result = values["given"], values["result"]
        names = {"claim"} if result.claimed else set()
        names |= {"retire"} if result.retired else set()
        names |= {"quota_acquire"} if _writes_quotas(values["connection"]) else set()
        names |= {"tick"} if result.ticked else set()
        names |= {"recover"} if any(slot.deaths for slot in given.slots.values()) else set()
        return names or {"ping"}
    if name == "job" and values["run"].partial.parent is not None:
        return {"callback"}
    if name == "job" and values["run"].partial.quotas:
        return {name, "quota_release"}
    return {name}


def _writes_quotas(connection: Any) -> bool:
    """Whether a transaction writes who holds a quota."""
    return any(type(one).__name__ == "QuotaUse" for one in connection._registered_objects)


def passing(who: str, names: set[str], moment: str) -> None:
    """Spring a trap that is armed for this place."""
    for trap in os.listdir(f"{FOLDER}/armed"):
        kind, name, when, action = trap.split(".")
        if (kind, when) == (who, moment) and name in {*names, "any"}:
            try:
                os.rename(f"{FOLDER}/armed/{trap}", f"{FOLDER}/sprung/{trap}.{os.getpid()}")
            except FileNotFoundError:  # another process was first
                continue
            act(action)


def act(action: str) -> None:
    """Do what the trap is for."""
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action == "freeze":
        os.kill(os.getpid(), signal.SIGSTOP)
    elif action == "doubt":  # the commit that is about to finish will be there; nobody is told
        with open(f"{FOLDER}/armed/server.any.finished.kill", "w"):
            pass


def watch(who: str, storage: Any, names: Any) -> None:
    """Wrap a storage class: every commit passes before its vote, between, and after its end."""
    vote, finish = storage.tpc_vote, storage.tpc_finish

    def tpc_vote(self: Any, *args: Any, **kwargs: Any) -> Any:
        passing(who, names(), "before")
        result = vote(self, *args, **kwargs)
        passing(who, names(), "voted")
        return result

    def tpc_finish(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = finish(self, *args, **kwargs)
        passing(who, names(), "finished")
        return result

    storage.tpc_vote, storage.tpc_finish = tpc_vote, tpc_finish


def watch_the_file(storage: Any) -> None:
    """Wrap the server's storage: where a vote has failed, and where the end of a commit is near."""
    vote, finish = storage.tpc_vote, storage._finish

    def tpc_vote(self: Any, *args: Any) -> Any:
        try:
            return vote(self, *args)
        except OSError:
            passing("server", {"any"}, "failed")
            raise

    def _finish(self: Any, *args: Any) -> Any:
        passing("server", {"any"}, "finishing")
        return finish(self, *args)

    storage.tpc_vote, storage._finish = tpc_vote, _finish


def watch_relstorage(who: str) -> None:
    """Wrap its client, which springs the trap in the server, too: the commit is there, the server
    is gone, and nobody is told.
    """
    import psycopg2
    from relstorage.storage import RelStorage

    finish = RelStorage.tpc_finish

    def tpc_finish(self: Any, *args: Any, **kwargs: Any) -> Any:
        result = finish(self, *args, **kwargs)
        with open(POSTGRES) as file:
            server = int(file.readline())
        trap = "server.any.finished.kill"
        try:
            os.rename(f"{FOLDER}/armed/{trap}", f"{FOLDER}/sprung/{trap}.{server}")
        except FileNotFoundError:
            return result
        os.kill(server, signal.SIGKILL)
        raise psycopg2.OperationalError("server closed the connection unexpectedly")

    RelStorage.tpc_finish = tpc_finish
    watch(who, RelStorage, commits)


def watch_messages(who: str) -> None:
    """Wrap AMP: each message passes before it is sent, and after it is written."""
    from twisted.protocols.amp import BoxDispatcher

    call = BoxDispatcher.callRemote

    def callRemote(self: Any, command: Any, *args: Any, **kwargs: Any) -> Any:
        names = {command.__name__}
        passing(who, names, "before")
        result = call(self, command, *args, **kwargs)
        from twisted.internet import reactor

        # The next turn of the reactor writes it.
        later: Any = reactor.callLater
        later(0, later, 0, passing, who, names, "finished")
        return result

    BoxDispatcher.callRemote = callRemote


def main() -> None:
    """Set the traps of this process, when it is one of ours."""
    who = role()
    if not FOLDER or who is None:
        return
    if who == "server":
        from ZODB.FileStorage.FileStorage import FileStorage

        watch(who, FileStorage, lambda: {"any"})
        watch_the_file(FileStorage)
    else:
        from zcasync.zeo.client import PipelinedClientStorage

        watch(who, PipelinedClientStorage, commits)
        if POSTGRES:
            watch_relstorage(who)
        watch_messages(who)
        if os.environ.get("ZCASYNC_TORMENT_PHASES") == "2":
            PipelinedClientStorage._is_alone = staticmethod(lambda txn: False)


main()
