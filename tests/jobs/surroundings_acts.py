"""Jobs that change what is around them, and a job that says what it has found there."""

from __future__ import annotations

import contextvars
import decimal
import faulthandler
import os
import shutil
import socket
import tempfile
import time
import warnings
from collections.abc import Callable
from typing import Any

import persistent
import transaction
import zope.component
import zope.component.hooks
import zope.security.management
from twisted.internet import reactor
from twisted.internet.task import deferLater
from twisted.python.failure import Failure

from tests.support.access_control import SecurityManagement, users

VARIABLE = contextvars.ContextVar("VARIABLE", default="clean")
#: A job appends to it: no other process sees that, and what comes later in this one does.
SEEN: list[Any] = []


class Site(persistent.Persistent):
    """A persistent local site, whose storage goes away while it is the current one."""

    _v_is_away = False

    def getSiteManager(self) -> Any:
        if self._v_is_away:
            raise ConnectionResetError("the storage of the site is away")
        return BrokenRegistry()


class BrokenRegistry:
    """The registry of a local site that raises whatever it is asked for."""

    def __getattr__(self, name: str) -> Any:
        raise ConnectionResetError(f"{name}: the storage of the site's registry is away")


def site(one: Site) -> None:
    zope.component.hooks.setHooks()
    zope.component.hooks.setSite(one)
    one._v_is_away = True


def interaction() -> None:
    zope.security.management.endInteraction()
    zope.security.management.newInteraction()


def security_manager() -> None:
    SecurityManagement.newSecurityManager(None, users.system)


def variable() -> None:
    VARIABLE.set("dirty")


def timeout() -> None:
    socket.setdefaulttimeout(0.001)


def filters() -> None:
    warnings.simplefilter("error")


def replaced_filters() -> None:
    warnings.catch_warnings().__enter__()
    warnings.simplefilter("error")


def directory() -> None:
    os.chdir("/")


def directory_that_is_gone() -> None:
    made = tempfile.mkdtemp()
    os.chdir(made)
    shutil.rmtree(made)


def umask() -> None:
    os.umask(0o777)


def decimals() -> None:
    decimal.getcontext().prec = 2
    decimal.getcontext().traps[decimal.Inexact] = True


def crash_reports() -> None:
    faulthandler.disable()


def crash_reports_elsewhere() -> None:
    """Have the stack of a crash written where no supervisor reads it."""
    faulthandler.enable(open(os.devnull, "w"))  # noqa: SIM115, kept open by what it is given to


def deadly_timer() -> None:
    faulthandler.dump_traceback_later(0.2, exit=True)


def in_a_hook() -> None:
    """Change things when the job commits, not when it runs."""

    def hook() -> None:
        for act in (variable, timeout, directory, umask, decimals, interaction):
            act()

    transaction.get().addBeforeCommitHook(hook)


#: All of them, but for those of a site, which need one.
ACTS: tuple[Callable[[], None], ...] = (
    interaction,
    security_manager,
    variable,
    timeout,
    filters,
    replaced_filters,
    directory,
    directory_that_is_gone,
    umask,
    decimals,
    crash_reports,
    in_a_hook,
)


def everything() -> None:
    """Change all at once."""
    for act in ACTS:
        act()


def everything_and_fail(times: int = 1) -> dict[str, Any]:
    """Change everything and raise, so many times in this process; then say what is found."""
    found = see()
    SEEN.append(found)
    if len(SEEN) <= times:
        everything()
        raise ValueError("to be attempted again")
    SEEN.clear()
    return found


def as_callback(_: Any) -> dict[str, Any]:
    """Return what a callback finds."""
    return see()


def see() -> dict[str, Any]:
    """Return what is around this call."""
    umask_now = os.umask(0)
    os.umask(umask_now)
    return {
        "pid": os.getpid(),
        "site": repr(zope.component.hooks.getSite()),
        "interaction": zope.security.management.queryInteraction() is None,
        "user": SecurityManagement.getSecurityManager().getUser().getUserName(),
        "variable": VARIABLE.get(),
        "timeout": socket.getdefaulttimeout(),
        "filters": [repr(one) for one in warnings.filters],
        "directory": _directory(),
        "umask": umask_now,
        "precision": decimal.getcontext().prec,
        "inexact": decimal.getcontext().traps[decimal.Inexact],
        "crash reports": faulthandler.is_enabled(),
    }


def _directory() -> str:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return "gone"


def sleep(seconds: float) -> None:
    """Take so long."""
    time.sleep(seconds)


def nothing() -> None:
    """Do nothing."""


def crash() -> None:
    """End the process by a signal."""
    os.abort()


# with a process of their own

#: What the jobs of this process have noted here.
BEGUN: list[str] = []


def begun(name: str) -> tuple[int, list[str]]:
    """Note a name; return the process, and the names noted before in it."""
    before = list(BEGUN)
    BEGUN.append(name)
    return os.getpid(), before


def begun_after(_: Any, name: str) -> tuple[int, list[str]]:
    """Note a name, in a callback."""
    return begun(name)


def begun_then_wait(path: str, name: str) -> tuple[int, list[str]]:
    """Note a name, make a file to say so, and wait until another one is there."""
    found = begun(name)
    with open(f"{path}.begun", "w"):
        pass
    while not os.path.exists(path):
        time.sleep(0.01)
    return found


def dies_first(path: str, name: str) -> tuple[int, list[str]]:
    """Note a name; end the process the first time, when the file is not there."""
    found = begun(name)
    if not os.path.exists(path):
        with open(path, "w") as out:
            out.write(str(found))
        os._exit(3)
    return found


def later(name: str) -> Any:
    """Note a name, and return a Deferred that fires in a moment."""
    found = begun(name)
    return deferLater(reactor, 0.3, lambda: found)


# of the reactor


async def awaits(seconds: float) -> dict[str, Any]:
    """Change everything but what is of no step, wait, and say what is found then; change again."""
    for act in (variable, interaction, security_manager, timeout, filters, directory, decimals):
        act()
    await deferLater(reactor, seconds, lambda: None)
    found = see()
    for act in (interaction, security_manager, timeout, filters, directory, decimals):
        act()
    return found


def returned_failure() -> Failure:
    """Change everything, and keep it: the job ends by a commit."""
    everything()
    return Failure(ValueError("as told"))
