"""Starts child processes: ampoule's starter seam, with our environment and our boot."""

from __future__ import annotations

import json
import os
from typing import Any

from ampoule.iampoule import IStarter
from twisted.internet.interfaces import IReactorProcess
from zope.interface import implementer

from zcasync import import_path
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.protocol.child_spec import ENGINE_VARIABLE, SUPERVISOR_VARIABLE, ChildSpec
from zcasync.protocol.dispositions import withheld

#: stdout, stderr, AMP to the child, AMP from the child, and the lifeline; stdin is at its end.
CHILD_FDS = {1: "r", 2: "r", 3: "w", 4: "r", 5: "w"}


@implementer(IStarter)
class ChildStarter:
    """Starts ``python -P -m zcasync.child SPEC`` with the supervisor's whole environment.

    ampoule's own starter gives children an empty environment and puts package directories on their
    path; jobs must be imported from where the supervisor imports, and from nowhere else.
    """

    def __init__(self, reactor: IReactorProcess, engine: str) -> None:
        self._reactor = reactor
        self._engine = engine
        self._home: str | None = None

    def startAMPProcess(
        self, ampChild: str, ampParent: Any = None, ampChildArgs: tuple[str, ...] = ()
    ) -> tuple[Any, Any]:
        """Start the module ``ampChild``; ``ampParent`` is the connector to it."""
        self._home = ChildSpec.from_text(ampChildArgs[0]).home
        self.startPythonProcess(ampParent, "-m", ampChild, *ampChildArgs)
        return ampParent.amp, ampParent.finished

    def startPythonProcess(self, prot: Any, *args: str) -> Any:
        """Start a Python with these arguments; returns the process transport."""
        env = import_path.environment()
        # These name the engine and the supervisor of every process that a job leaves behind.
        env[ENGINE_VARIABLE] = self._engine
        env[SUPERVISOR_VARIABLE] = json.dumps(
            {**ProcessIdentity.here().as_dict(), "home": self._home}
        )
        command = import_path.python(*args)
        with open(os.devnull, "rb") as nothing:
            fds: dict[int, int | str] = {0: nothing.fileno(), **CHILD_FDS}
            with withheld():
                return self._reactor.spawnProcess(prot, command[0], command, env, childFDs=fds)
