"""Meddling with the database behind the back of those who use it: undo, and backups restored."""

from __future__ import annotations

from ZODB.utils import get_pickle_metadata

from tests.simulation.world import PLACES, World
from zcasync.liveness.death import Death

#: So many of the latest commits are undone, or lost with a backup that is restored.
RECENT = 8
#: Records that are written when an engine begins or ends.
OF_ENGINES = {
    ("zcasync.workers.incarnation", "Incarnation"),
    ("zcasync.workers.worker", "Worker"),
}


def undo(world: World, number: int) -> None:
    """Somebody undoes one of the latest commits, if the server lets them.

    Not what an application has done to callbacks of its own of a completed job: only it runs them.
    """
    server = world.servers[-1]
    if world.apart or server.holder is not None or not server.log:
        return
    recent = server.log[-RECENT:]
    tid, _ = recent[number % len(recent)]
    if not is_about_engines(world, tid) and tid not in world.by_applications:
        world.count("undone" if server.undo(tid) else "undoings that were refused")


def is_about_engines(world: World, tid: bytes) -> bool:
    """Whether a commit is about the life of an engine: none that anybody would undo."""
    server = world.servers[-1]
    written = (dict(server.revisions[oid])[tid] for oid in dict(server.log)[tid])
    kinds = {get_pickle_metadata(data) for data in written if data is not None}
    return not kinds.isdisjoint(OF_ENGINES)


def restore(world: World, number: int) -> None:
    """The server comes back with an older database, behind the same address."""
    server = world.servers[-1]
    if world.apart or world.turns.are_taken or not server.log:
        return
    recent = server.log[-RECENT:]
    server.restore(recent[number % len(recent)][0])
    world.count("restored")
    world.reader.connect()
    notice(world)


def notice(world: World) -> None:
    """Every process meets a server with another history behind the same address.

    Supervisors notice it and end, and so do their children; they are started with empty caches.
    Clients are told, and connect again.
    """
    running = [worker for worker, one in world.supervisors.items() if one.is_alive]
    for worker in running:
        world.supervisors[worker].die()
    for child in list(world.children):
        child.die(Death(pid=child.pid, exit_code=0))
    for client in world.clients:
        client.connect()
    for number, (worker, _, _) in enumerate(PLACES):
        if worker in running:
            world.start(number)
