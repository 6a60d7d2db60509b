"""Reload: another configuration counts, or new children take the place of all, with new code."""

from __future__ import annotations

from twisted.internet.defer import Deferred, succeed
from twisted.logger import Logger

from zcasync import clock
from zcasync.instance.live_settings import LiveSettings
from zcasync.instance.settings import Configuration
from zcasync.supervisor.children.generations import Reload, Stage
from zcasync.supervisor.engine import Engine
from zcasync.supervisor.status import pool_of

log = Logger()

#: Why there is nothing to replace.
NO_ENGINE = "no engine runs: the supervisor starts, or stops"


def adopt(settings: LiveSettings, configuration: Configuration) -> None:
    """Let the settings be those of a configuration where they can change; log what changes."""
    changes = settings.adopt(configuration.settings)
    for one in changes:
        (log.info if one.counts else log.warn)("configuration: {change}", change=str(one))
    if not changes:
        log.info("configuration: no setting has changed")


def begin_reload(engine: Engine | None) -> tuple[Reload, Deferred[Reload]]:
    """Have the children of an engine replaced, those too that check reactor jobs.

    Return the reload as it is now, and what fires once new children work, or have failed; never
    with a Failure.
    """
    pool = pool_of(engine)
    if pool is None or engine is None or engine.mode is None:
        refused = Reload(0, clock.now(), Stage.FAILED, NO_ENGINE)
        return refused, succeed(refused)

    def decided(found: Reload) -> Reload:
        if found.stage != Stage.FAILED:
            engine.executors.renew_checkers()
        return found

    deciding = pool.reload().addCallback(decided)
    begun = pool.generations.last
    assert begun is not None
    return begun, deciding
