"""Every commit of the path, hit before its vote, between vote and finish, and after its finish.

And both messages, before they are sent and after.
"""

from __future__ import annotations

import ast
import importlib.util
import os
import random
import signal
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.chaos.arena import Arena, arena
from tests.chaos.options import options
from tests.chaos.points import MOMENTS, POINTS, TORMENT, Point
from tests.chaos.provoking import Provoker
from tests.chaos.verdict import judge
from tests.chaos.workload import Workload

ASKED = options()
if ASKED.point not in (None, *map(str, POINTS)):
    raise ValueError(f"there is no point {ASKED.point!r}: {' '.join(map(str, POINTS))}")


@pytest.fixture
def ring(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Arena]:
    with arena(folder, monkeypatch, children=1) as made:
        yield made


@pytest.fixture
def provoker(ring: Arena) -> Iterator[Provoker]:
    client = ring.client()
    try:
        workload = Workload(client, random.Random(ASKED.seed), ring.restart_the_dead)
        yield Provoker(ring, workload)
    finally:
        client.close()


def asked_for(points: list[Point]) -> list[Point]:
    """Those of them that the test is to be about; skips it when there are none."""
    found = [point for point in points if ASKED.point in (None, str(point))]
    if not found:
        pytest.skip(f"not for {ASKED.point}")
    return found


def chosen(points: list[Point]) -> list[Point]:
    """All in the long version; in the short one a moment of each kind of commit, by the seed."""
    if ASKED.is_long:
        return points
    rng = random.Random(ASKED.seed)
    moments: dict[tuple[str, str], list[Point]] = {}
    for point in points:
        moments.setdefault((point.role, point.commit), []).append(point)
    return [rng.choice(several) for several in moments.values()]


def test_a_kill_at_any_point_loses_nothing_and_repeats_nothing(
    ring: Arena, provoker: Provoker
) -> None:
    print(f"\nSEED={ASKED.seed}")
    for point in chosen(asked_for(POINTS)):
        provoker.spring(point, "kill")
    provoker.see_all_through()
    judge(ring, provoker.workload)


def test_a_commit_in_doubt_at_any_point_is_looked_up(ring: Arena, provoker: Provoker) -> None:
    print(f"\nSEED={ASKED.seed}")
    voted = asked_for([point for point in POINTS if point.moment == "voted"])
    harmless = [point for point in voted if not point.needs_a_death]
    if not ASKED.is_long:
        harmless = random.Random(ASKED.seed).sample(harmless, min(4, len(harmless)))
    for point in harmless:
        provoker.spring(point, "doubt")
    provoker.see_all_through()
    assert provoker.workload.interruptions() == 0  # the server's end interrupts no job
    for point in voted:
        if point.needs_a_death and ASKED.is_long:
            provoker.spring(point, "doubt")
    provoker.see_all_through()
    judge(ring, provoker.workload)


@pytest.mark.skipif(not ASKED.is_long, reason="takes minutes: make chaos")
@pytest.mark.parametrize("moment", MOMENTS)
def test_a_freeze_at_any_point_is_outlived(ring: Arena, provoker: Provoker, moment: str) -> None:
    for point in asked_for([point for point in POINTS if point.moment == moment]):
        pid = provoker.spring(point, "freeze")
        try:
            provoker.outlive(point)
        finally:
            with suppress(ProcessLookupError):  # a child at a job that is over may be replaced
                os.kill(pid, signal.SIGCONT)
    provoker.see_all_through()
    judge(ring, provoker.workload)


def test_each_commit_that_a_trap_knows_is_made_by_a_function_that_exists() -> None:
    spec = importlib.util.spec_from_file_location("traps", TORMENT / "sitecustomize.py")
    assert spec is not None
    assert spec.loader is not None
    traps = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(traps)  # sets no trap where no folder is named
    for (module, name), commit in traps.COMMITS.items():
        functions = _functions(Path(importlib.util.find_spec(module).origin))
        assert name in functions, f"{module} has no function {name} any more"
        missing = traps.VARIABLES.get(commit, set()) - functions[name]
        assert not missing, f"{module}: {name} has no {missing} any more"


def _functions(path: Path) -> dict[str, set[str]]:
    """The functions of a module, and what each of them calls its variables."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return {one.name: _variables(one) for one in nodes if isinstance(one, ast.FunctionDef)}


def _variables(function: ast.FunctionDef) -> set[str]:
    nodes = list(ast.walk(function))
    arguments = {node.arg for node in nodes if isinstance(node, ast.arg)}
    return arguments | {
        node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
    }
