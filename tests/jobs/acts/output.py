"""What jobs write: too much, without ends of lines, and no text at all."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import act


@act()
def writes_much_without_a_newline(scene: Scene) -> None:
    print("x" * 10_000_000, end="")


@act()
def writes_bytes(scene: Scene) -> None:
    for descriptor in (1, 2):
        os.write(descriptor, bytes(range(256)) * 200)


@act()
def writes_marks(scene: Scene) -> None:
    os.write(1, b"\0zcasync job 0x1\n\0zcasync \0\0\n\0")


@act()
def writes_many_lines(scene: Scene) -> None:
    for number in range(20_000):
        print(number)


@act()
def writes_from_a_process(scene: Scene) -> None:
    script = "import sys; sys.stdout.write('y' * 300000); sys.stderr.write('z' * 300000)"
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


@act()
def writes_surrogates(scene: Scene) -> None:
    print("\ud800 \udcff \x1b[2J")
