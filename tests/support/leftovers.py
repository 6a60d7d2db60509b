"""Finds the processes that a test has left behind."""

from __future__ import annotations

import os

import psutil

from tests.support.instance import RUNNING, SESSION, SESSION_VARIABLE

#: The pids of servers that several tests share.
MAY_RUN: set[int] = set()


def permitted() -> set[int]:
    """The pids of the supervisors that may run now, and of all that they have started."""
    pids = {os.getpid(), *MAY_RUN}
    for instance in RUNNING:
        pids.add(instance.pid)
        pids.update(process.pid for process in instance.descendants())
    return pids


def is_of_this_run(process: psutil.Process) -> bool:
    """Whether the process has our mark; a job's grandchild has it wherever it went."""
    try:
        environment = process.environ()
    except psutil.Error:  # gone, or not ours
        return False
    return environment.get(SESSION_VARIABLE) == SESSION


def left_processes() -> list[str]:
    """The processes of this test run that nobody is in charge of."""
    may_run = permitted()
    left = []
    for process in psutil.process_iter():
        if process.pid in may_run or not is_of_this_run(process):
            continue
        try:
            if process.status() != psutil.STATUS_ZOMBIE:
                left.append(f"{process.pid}: {' '.join(process.cmdline())[:200]}")
        except psutil.NoSuchProcess:
            continue
    return left
