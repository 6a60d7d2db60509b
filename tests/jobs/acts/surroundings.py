"""What a job changes around it, and what a job sees there."""

from __future__ import annotations

import contextvars
import decimal
import faulthandler
import locale
import os
import signal
import socket
import sys
import time
import warnings
from typing import Any

import transaction
import zope.component.hooks
from twisted.internet.threads import blockingCallFromThread

from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import CHILD, act

VARIABLE = contextvars.ContextVar("VARIABLE", default="clean")


def seen() -> dict[str, str]:
    """The surroundings of a job that are put back."""
    umask = os.umask(0)
    os.umask(umask)
    found: dict[str, Any] = {
        "variable": VARIABLE.get(),
        "directory": os.getcwd(),
        "umask": umask,
        "site": zope.component.hooks.getSite(),
        "streams": [type(one).__name__ for one in (sys.stdin, sys.stdout, sys.stderr)],
        "closed": [sys.stdin.closed, sys.stdout.closed, sys.stderr.closed],
        "descriptors": [os.fstat(one).st_mode for one in (0, 1, 2)],
        "timeout": socket.getdefaulttimeout(),
        "warnings": [str(one) for one in warnings.filters],
        "decimal": decimal.getcontext(),
        "faulthandler": faulthandler.is_enabled(),
        "handlers": [str(signal.getsignal(one)).partition(" at ")[0] for one in _SIGNALS],
        "interaction": _ask("zope.security.management", "queryInteraction"),
        "user": _user(),
        "explicit": transaction.manager.explicit,
        "doomed": transaction.isDoomed(),
    }
    return {name: str(value) for name, value in found.items()}


def _ask(module: str, *names: str) -> Any:
    """Call a function of a module where that is loaded, then methods of what it returns."""
    found = sys.modules.get(module)
    for name in names if found is not None else ():
        found = getattr(found, name)()
    return found


def _user() -> str | None:
    """The user in whose name a job works; None: nobody's."""
    found = _ask("AccessControl.SecurityManagement", "getSecurityManager", "getUser")
    name = None if found is None else found.getUserName()
    return None if name == "Anonymous User" else name


_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1, signal.SIGCHLD)


def _in_main_thread(call: Any, *args: Any) -> Any:
    from twisted.internet import reactor

    return blockingCallFromThread(reactor, call, *args)


@act(forms=CHILD)
def sets_a_context_variable(scene: Scene) -> None:
    VARIABLE.set("dirty")


@act(forms=CHILD)
def changes_the_directory(scene: Scene) -> None:
    os.chdir("/")


@act()
def removes_its_directory(scene: Scene) -> None:
    folder = f"{scene.folder}/gone-{os.getpid()}"
    os.makedirs(folder)
    os.chdir(folder)
    os.rmdir(folder)


@act()
def changes_the_umask(scene: Scene) -> None:
    os.umask(0o777)


@act(leaves=True)
def empties_the_environment(scene: Scene) -> None:
    os.environ.clear()


@act()
def sets_the_sockets_timeout(scene: Scene) -> None:
    socket.setdefaulttimeout(0.001)


@act()
def makes_warnings_errors(scene: Scene) -> None:
    warnings.simplefilter("error")


@act()
def makes_decimals_short(scene: Scene) -> None:
    decimal.getcontext().prec = 1


@act()
def disables_the_faulthandler(scene: Scene) -> None:
    faulthandler.disable()


@act(leaves=True)
def changes_the_locale(scene: Scene) -> None:
    locale.setlocale(locale.LC_ALL, "C")
    os.environ["TZ"] = "Pacific/Kiritimati"
    time.tzset()


@act()
def ignores_signals(scene: Scene) -> None:
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGUSR1):
        _in_main_thread(signal.signal, number, signal.SIG_IGN)


@act()
def ignores_its_children(scene: Scene) -> None:
    _in_main_thread(signal.signal, signal.SIGCHLD, signal.SIG_IGN)


@act()
def handles_interrupts_by_default(scene: Scene) -> None:
    _in_main_thread(signal.signal, signal.SIGINT, signal.default_int_handler)


@act(leaves=True)
def sets_an_alarm(scene: Scene) -> None:
    signal.alarm(1)


@act(leaves=True)
def blocks_signals(scene: Scene) -> None:
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())


# Zope


@act(forms=CHILD)
def leaves_a_site(scene: Scene) -> None:
    zope.component.hooks.setHooks()
    zope.component.hooks.setSite(scene.site)


class BrokenManager:
    """The site manager of a site that was half removed."""

    def __getattr__(self, name: str) -> Any:
        raise RuntimeError(f"the site has no {name} any more")


class BrokenSite:
    """Such a site."""

    def getSiteManager(self) -> Any:
        return BrokenManager()


@act(forms=CHILD)
def leaves_a_broken_site(scene: Scene) -> None:
    zope.component.hooks.setHooks()
    zope.component.hooks.setSite(BrokenSite())


@act()
def leaves_an_interaction(scene: Scene) -> None:
    from zope.security.management import endInteraction, newInteraction, queryInteraction

    if queryInteraction() is not None:
        endInteraction()
    newInteraction()


@act(leaves=True)
def leaves_a_security_manager(scene: Scene) -> None:
    from AccessControl.SecurityManagement import newSecurityManager
    from AccessControl.users import system

    newSecurityManager(None, system)
