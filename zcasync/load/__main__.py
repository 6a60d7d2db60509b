"""A process of clients of a load: ``python -m zcasync.load SPEC``, started by ``zcasync bench``.

Prints ``ready`` once all are connected, and begins at the moment that it reads from its standard
input; then prints what was put as a line of JSON twice a second, and the last one with the time of
the processor.  It ends early where its standard input does: the command is gone, or wants that.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from typing import Any

import zcasync
from zcasync.load.client import Client, Heard, Task, opened

TELL_SECONDS = 0.5


class Process:
    """The clients ``first``, ``first + step`` and so on."""

    def __init__(self, task: Task, first: int, step: int) -> None:
        self._is_over = threading.Event()
        self._lock = threading.Lock()
        self._heard = Heard()
        self._problem: BaseException | None = None
        self._db = zcasync.open(task.home)
        self._clients = [
            Client(task, number, opened(self._db), self._is_over)
            for number in range(first, task.clients, step)
        ]

    def run(self, begin: float) -> None:
        """Let all put until they are done, and tell what they did.  Raises what one has raised."""
        threads = [
            threading.Thread(target=self._work, args=(one, begin), daemon=True)
            for one in self._clients
        ]
        for one in threads:
            one.start()
        while any(one.is_alive() for one in threads):
            until = time.monotonic() + TELL_SECONDS
            for one in threads:
                one.join(max(0.0, until - time.monotonic()))
            self._tell()
        self._tell(processor=time.process_time())
        if self._problem is not None:
            raise self._problem

    def end(self) -> None:
        """Let no client begin another put."""
        self._is_over.set()

    def _work(self, client: Client, begin: float) -> None:
        try:
            client.run(begin, self._add)
        except BaseException as error:  # raised again in the main thread
            self._problem = error
            self.end()

    def _add(self, heard: Heard) -> None:
        with self._lock:
            self._heard.puts += heard.puts
            self._heard.conflicts += heard.conflicts
            self._heard.lost += heard.lost

    def _tell(self, **more: float) -> None:
        with self._lock:
            heard, self._heard = self._heard, Heard()
        _say(json.dumps({**vars(heard), **more}))


def main() -> int:
    """Connect, wait for the moment to begin, put, tell."""
    spec: dict[str, Any] = json.loads(sys.argv[1])
    process = Process(Task(**spec["task"]), spec["first"], spec["step"])
    _say("ready")
    begin = sys.stdin.readline()
    if not begin:
        return 1
    threading.Thread(target=_listen, args=(process,), daemon=True).start()
    process.run(float(begin))
    return 0


def _listen(process: Process) -> None:
    sys.stdin.read()
    process.end()


def _say(text: str) -> None:
    print(text, flush=True)


if __name__ == "__main__":
    sys.exit(main())
