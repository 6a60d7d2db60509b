"""The parts of an engine whose thread jobs are performed by child processes, as in a supervisor."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from zcasync.instance.home import Home
from zcasync.instance.settings import Configuration
from zcasync.job.time_limits import TimeLimits
from zcasync.liveness.watch import Watch
from zcasync.supervisor.application import SupervisorApplication
from zcasync.supervisor.children.factory import child_processes
from zcasync.supervisor.engine_parts import EngineParts
from zcasync.supervisor.poll.environment import Environment
from zcasync.supervisor.reactor_jobs import ReactorJobs

#: The name in the log of the child that loads first what a reactor job needs.
CHECKER = "checker"


def parts_of_processes(
    reactor: Any,
    home: Home,
    configuration: Configuration,
    spec: Callable[[bytes], str],
    application: SupervisorApplication,
) -> EngineParts:
    """Return the parts; ``spec(incarnation oid)`` is what a child is started with."""
    settings = configuration.settings
    limits = TimeLimits(settings.soft_limit, settings.hard_limit)
    return EngineParts(
        make_pool=child_processes(reactor, settings, spec),
        watch=Watch(is_only_home=configuration.is_embedded),
        environment=Environment(home=os.fspath(home.path)),
        make_reactor_jobs=partial(ReactorJobs, application=application, limits=limits),
        make_checkers=child_processes(reactor, replace(settings, spare=False), spec, CHECKER),
    )
