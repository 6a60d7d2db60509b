"""zcasync: durable asynchronous calls for applications that keep their data in the ZODB.

An application imports the names below; :mod:`zcasync.interfaces` is the manual of all objects.
Beside it lie ``datamanager``, ``subscribers`` and ``adapters`` for the setup, ``twist`` and
``patterns`` for the code of jobs, ``testing`` for tests.

Each folder is an ability, with a map in its docstring: ``job``, ``retry``, ``perform`` and
``results`` (a call),
``queues`` and ``workers`` (where it waits and is claimed), ``liveness`` (deaths), ``database``,
``zeo`` and ``instance`` (the ground), ``supervisor``, ``child``, ``protocol`` and
``twisted_engine`` (the processes), ``reports``, ``cli``, ``demo`` and ``load`` (for people).
"""

from zcasync import import_path as import_path  # first: it decides where the rest comes from

# isort: split
from importlib import import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from zcasync.allowed import allow_only as allow_only
    from zcasync.calls import find as find
    from zcasync.calls import open as open  # noqa: A004, the public name
    from zcasync.calls import put as put
    from zcasync.errors import Retry as Retry
    from zcasync.errors import Snooze as Snooze
    from zcasync.flows.chunks import map as map  # noqa: A004, the public name
    from zcasync.flows.making import parallel as parallel
    from zcasync.flows.making import serial as serial
    from zcasync.job.declared import job as job
    from zcasync.partial import Partial as Partial
    from zcasync.perform.checkpoint import checkpoint as checkpoint
    from zcasync.perform.once import once as once
    from zcasync.perform.progress import current as current
    from zcasync.perform.progress import progress as progress
    from zcasync.registry import configure as configure
    from zcasync.results.gather import gather as gather
    from zcasync.results.progress import progress_of as progress_of
    from zcasync.retry.rule import RetryRule as RetryRule

__all__ = [
    "Partial",
    "Retry",
    "RetryRule",
    "Snooze",
    "allow_only",
    "checkpoint",
    "configure",
    "current",
    "find",
    "gather",
    "job",
    "map",
    "once",
    "open",
    "parallel",
    "progress",
    "progress_of",
    "put",
    "serial",
]

#: The module of each name above.  Loaded when first used: a database server or a command that needs
#: a single folder does not pay for all of them.
_MODULES = {
    "Partial": "zcasync.partial",
    "Retry": "zcasync.errors",
    "RetryRule": "zcasync.retry.rule",
    "Snooze": "zcasync.errors",
    "allow_only": "zcasync.allowed",
    "checkpoint": "zcasync.perform.checkpoint",
    "configure": "zcasync.registry",
    "current": "zcasync.perform.progress",
    "find": "zcasync.calls",
    "gather": "zcasync.results.gather",
    "once": "zcasync.perform.once",
    "map": "zcasync.flows.chunks",
    "open": "zcasync.calls",
    "parallel": "zcasync.flows.making",
    "progress": "zcasync.perform.progress",
    "progress_of": "zcasync.results.progress",
    "put": "zcasync.calls",
    "serial": "zcasync.flows.making",
}


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        found = globals()[name] = getattr(import_module(_MODULES[name]), name)
        return found
    is_module = name.isidentifier() and not name.startswith("_")
    if is_module and find_spec(f"zcasync.{name}") is not None:
        return import_module(f"zcasync.{name}")
    raise AttributeError(f"module 'zcasync' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
