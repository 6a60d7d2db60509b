"""The processes of a load's clients, as the command that has started them sees them."""

from __future__ import annotations

import contextlib
import json
import queue
import subprocess
import threading
import time
from dataclasses import asdict
from typing import Any, Self

from zcasync import import_path
from zcasync.control.refusal import Refusal
from zcasync.load.client import Task

START_SECONDS = 120.0
#: The first put is so long after the last process has said that it is ready.
LEAD_SECONDS = 0.2
#: A process that is told to end has one put left to make.
END_SECONDS = 30.0


class Processes:
    """Processes of clients, each with its share of them; a context manager that ends them."""

    def __init__(self, task: Task, count: int) -> None:
        self._lines: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._ready = threading.Semaphore(0)
        self._all = [_Process(task, number, count, self) for number in range(count)]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *given: object) -> None:
        self.end()
        for one in self._all:
            one.close()

    @property
    def pids(self) -> list[int]:
        """Their process ids."""
        return [one.pid for one in self._all]

    @property
    def are_over(self) -> bool:
        """True once all have ended, and what they have told is in ``news``."""
        return all(one.is_over for one in self._all)

    def begin(self) -> float:
        """Wait for all to be connected, have them begin; return when, by the monotonic clock.

        Raises Refusal.
        """
        until = time.monotonic() + START_SECONDS
        for _ in self._all:
            while not self._ready.acquire(timeout=0.1):
                self.check()
                if time.monotonic() > until:
                    raise Refusal(
                        f"the clients were not connected within {START_SECONDS:g} s: fewer of "
                        "them with --clients"
                    )
        self.check()
        begin = time.monotonic() + LEAD_SECONDS
        for one in self._all:
            one.say(f"{begin!r}\n")
        return begin

    def end(self) -> None:
        """Have no further put begun."""
        for one in self._all:
            one.hang_up()

    def news(self) -> list[dict[str, Any]]:
        """Return what they have told since the last time: see ``Heard``, and ``processor``."""
        found = []
        with contextlib.suppress(queue.Empty):
            while True:
                found.append(self._lines.get_nowait())
        return found

    def check(self) -> None:
        """Raise Refusal where one has ended by itself."""
        for one in self._all:
            one.check()

    def take(self, line: str) -> None:
        """Take a line that one has printed."""
        if line == "ready":
            self._ready.release()
        else:
            self._lines.put(json.loads(line))


class _Process:
    """One of them; two threads read what it prints."""

    def __init__(self, task: Task, first: int, step: int, taker: Processes) -> None:
        spec = json.dumps({"task": asdict(task), "first": first, "step": step})
        self._process = subprocess.Popen(
            import_path.python("-m", "zcasync.load", spec),
            env=import_path.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # Ctrl-C is for the command, which has this one end
        )
        self._said: list[str] = []
        self._threads = [
            threading.Thread(target=self._read, args=(taker,), daemon=True),
            threading.Thread(target=self._read_errors, daemon=True),
        ]
        for one in self._threads:
            one.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_over(self) -> bool:
        return not any(one.is_alive() for one in self._threads)

    def say(self, text: str) -> None:
        with contextlib.suppress(OSError):  # it has ended: ``check`` says so
            assert self._process.stdin is not None
            self._process.stdin.write(text)
            self._process.stdin.flush()

    def hang_up(self) -> None:
        with contextlib.suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()

    def check(self) -> None:
        if not self.is_over:
            return
        code = self._process.wait()
        if code:
            last = self._said[-1] if self._said else f"exit code {code}"
            raise Refusal(f"a process of clients has ended: {last}")

    def close(self) -> None:
        try:
            self._process.wait(END_SECONDS)
        except BaseException:  # it hangs in the storage, or Ctrl-C has come again
            self._process.kill()
            self._process.wait()
            raise
        finally:
            for one in self._threads:
                one.join(1)

    def _read(self, taker: Processes) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as lines:
            for line in lines:
                taker.take(line.strip())

    def _read_errors(self) -> None:
        assert self._process.stderr is not None
        with self._process.stderr as lines:
            for line in lines:
                if line.strip():
                    self._said = [*self._said[-20:], line.strip()]
