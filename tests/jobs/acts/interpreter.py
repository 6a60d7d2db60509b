"""What a job changes of the interpreter, its modules and its logging."""

from __future__ import annotations

import atexit
import builtins
import gc
import logging
import os
import random
import sys
import threading
import time
import weakref
from typing import Any

from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import End, act

KEPT: list[Any] = []


def _fail(*args: Any, **kwargs: Any) -> Any:
    raise RuntimeError("a hook of a job fails")


@act(End.RIGHT, End.ERROR, error="RecursionError", leaves=True)
def leaves_a_low_recursion_limit(scene: Scene) -> None:
    depth, frame = 0, sys._getframe()
    while frame.f_back is not None:
        depth, frame = depth + 1, frame.f_back
    sys.setrecursionlimit(depth + 40)


@act(leaves=True)
def leaves_a_high_recursion_limit(scene: Scene) -> None:
    sys.setrecursionlimit(10**6)


@act(leaves=True)
def disables_the_collector(scene: Scene) -> None:
    gc.disable()


@act(leaves=True)
def traces(scene: Scene) -> None:
    sys.settrace(lambda *args: None)
    threading.settrace(lambda *args: None)


@act(End.RIGHT, End.ERROR, error="a hook of a job fails", leaves=True)
def traces_and_fails(scene: Scene) -> None:
    sys.settrace(_fail)
    threading.settrace(_fail)


@act(End.RIGHT, End.ERROR, error="a hook of a job fails", leaves=True)
def profiles_and_fails(scene: Scene) -> None:
    threading.setprofile(_fail)
    sys.setprofile(_fail)


@act(leaves=True)
def breaks_the_hooks(scene: Scene) -> None:
    threading.excepthook = sys.excepthook = sys.unraisablehook = _fail


@act(leaves=True)
def breaks_the_hooks_and_leaves_a_thread_that_raises(scene: Scene) -> None:
    breaks_the_hooks(scene)
    threading.Thread(target=_fail).start()


@act(leaves=True)
def replaces_print(scene: Scene) -> None:
    builtins.print = _quiet


def _quiet(*args: Any, **options: Any) -> None:
    """Print nothing."""


@act(leaves=True)
def replaces_open(scene: Scene) -> None:
    builtins.open = _fail


@act(leaves=True)
def replaces_sleep(scene: Scene) -> None:
    time.sleep = _quiet


@act(leaves=True)
def breaks_sleep(scene: Scene) -> None:
    time.sleep = _fail


@act(leaves=True)
def freezes_the_clock(scene: Scene) -> None:
    now = time.time()
    time.time = lambda: now


class BrokenHandler(logging.Handler):
    """A handler that fails."""

    def handle(self, record: logging.LogRecord) -> bool:
        raise OSError("the log is away")


@act(leaves=True)
def replaces_the_log(scene: Scene) -> None:
    logging.basicConfig(level=logging.DEBUG, force=True)


@act(End.RIGHT, End.ERROR, End.CRASH, error="the log is away", leaves=True)
def breaks_the_log(scene: Scene) -> None:
    logging.getLogger().setLevel(logging.DEBUG)
    logging.getLogger().addHandler(BrokenHandler())


@act(leaves=True)
def shuts_the_log_down(scene: Scene) -> None:
    logging.shutdown()
    logging.disable()


@act(leaves=True)
def seeds_chance(scene: Scene) -> None:
    random.seed(0)


@act(leaves=True)
def leaves_a_call_at_the_exit(scene: Scene) -> None:
    atexit.register(_fail)


@act(leaves=True)
def leaves_a_call_at_the_exit_that_waits(scene: Scene) -> None:
    atexit.register(threading.Event().wait)


class Unfriendly:
    """An object that does not go quietly."""

    def __del__(self) -> None:
        raise OSError("it does not go")


@act(leaves=True)
def leaves_an_unfriendly_object(scene: Scene) -> None:
    Unfriendly()
    circle: list[Any] = [Unfriendly()]
    circle.append(circle)


@act(leaves=True)
def leaves_weak_references(scene: Scene) -> None:
    for one in (Scene, Unfriendly):
        short_lived = type(one.__name__, (), {})()
        KEPT.append(weakref.ref(short_lived, _fail))
        weakref.finalize(short_lived, _fail)


@act(leaves=True)
def empties_the_path(scene: Scene) -> None:
    sys.path[:] = []


@act(leaves=True)
def replaces_exit(scene: Scene) -> None:
    KEPT.append(os._exit)
    os.register_at_fork(before=_quiet, after_in_child=_quiet)
