"""What a job does to its streams and file descriptors."""

from __future__ import annotations

import contextlib
import io
import os
import sys

from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import CHILD, End, act

KEPT: list[object] = []


@act(forms=CHILD)
def closes_stdout(scene: Scene) -> None:
    sys.stdout.close()


@act()
def closes_both_streams(scene: Scene) -> None:
    sys.stdout.close()
    sys.stderr.close()


@act()
def closes_the_original_streams(scene: Scene) -> None:
    for stream in (sys.__stdin__, sys.__stdout__, sys.__stderr__):
        if stream is not None:
            stream.close()


@act(forms=CHILD)
def leaves_a_closed_file_as_stdout(scene: Scene) -> None:
    with open(os.devnull, "w") as sys.stdout:
        pass


@act()
def leaves_a_text_as_stdout(scene: Scene) -> None:
    sys.stdout = sys.stderr = io.StringIO()


@act()
def leaves_no_stdout(scene: Scene) -> None:
    sys.stdout = sys.stderr = None  # type: ignore[assignment]


@act()
def rewraps_stdout(scene: Scene) -> None:
    sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="utf-8")


@act(leaves=True)
def rewraps_both_twice(scene: Scene) -> None:
    for _ in range(2):
        sys.stdout = io.TextIOWrapper(sys.stdout.buffer, encoding="latin-1")
        sys.stderr = io.TextIOWrapper(sys.stderr.buffer, encoding="latin-1")


@act()
def detaches_stdout(scene: Scene) -> None:
    sys.stdout.detach()


@act(leaves=True)
def detaches_and_keeps_stderr(scene: Scene) -> None:
    KEPT.append(sys.stderr.detach())


class Broken(io.StringIO):
    """A stream that nothing can be written to."""

    def write(self, text: str) -> int:
        raise OSError("the stream is broken")

    def flush(self) -> None:
        raise OSError("the stream is broken")


@act()
def leaves_a_broken_stream(scene: Scene) -> None:
    sys.stdout = sys.stderr = Broken()


@act()
def reconfigures_stdout(scene: Scene) -> None:
    sys.stdout.reconfigure(encoding="ascii", errors="strict", line_buffering=False)  # type: ignore[union-attr]


def _close(*descriptors: int) -> None:
    for one in descriptors:
        with contextlib.suppress(OSError):  # it was closed before
            os.close(one)


@act()
def closes_descriptor_0(scene: Scene) -> None:
    _close(0)


@act()
def closes_descriptor_1(scene: Scene) -> None:
    _close(1)


@act()
def closes_descriptor_2(scene: Scene) -> None:
    _close(2)


@act()
def closes_the_three_descriptors(scene: Scene) -> None:
    _close(0, 1, 2)


@act(leaves=True)
def puts_files_in_the_three_descriptors(scene: Scene) -> None:
    _close(0, 1, 2)
    KEPT.extend(os.open(os.devnull, os.O_RDWR) for _ in range(3))


@act()
def turns_descriptor_1_away(scene: Scene) -> None:
    away = os.open(os.devnull, os.O_WRONLY)
    os.dup2(away, 1)
    os.close(away)


@act(End.CRASH)
def closes_all_descriptors(scene: Scene) -> None:
    os.closerange(3, 256)


@act(End.CRASH)
def closes_all_descriptors_and_the_three(scene: Scene) -> None:
    os.closerange(0, 256)


@act(End.RIGHT, End.CRASH)
def closes_descriptors_behind_the_pipes(scene: Scene) -> None:
    os.closerange(6, 256)


@act(End.RIGHT, End.CRASH)
def closes_the_pipes(scene: Scene) -> None:
    _close(3, 4, 5)


@act(End.RIGHT, End.CRASH)
def closes_the_lifeline(scene: Scene) -> None:
    _close(5)


@act()
def does_not_wait_for_its_streams(scene: Scene) -> None:
    for descriptor in (1, 2):
        os.set_blocking(descriptor, False)
    print("x" * 500_000)


@act(leaves=True)
def leaves_files_open(scene: Scene) -> None:
    KEPT.extend(os.open(os.devnull, os.O_RDONLY) for _ in range(50))
