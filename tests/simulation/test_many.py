"""Very many supervisors of one database: nothing is lost or twice, though more of them meet."""

from __future__ import annotations

import random
import uuid
from collections.abc import Iterator
from functools import partial

import pytest

from tests.simulation.history import History
from tests.simulation.rest import Rest
from tests.simulation.supervisors import DEADLY_SECONDS
from tests.simulation.world import HOUR, PLACES

MANY = 64
#: On eight machines, one of them with a clock that is wrong.
OTHERS = tuple(
    (uuid.UUID(int=number), f"machine {number % 8}", HOUR if number % 8 == 3 else 0)
    for number in range(100, 100 + MANY - len(PLACES))
)
#: So many make their passes in turns.
AT_ONCE = 8


@pytest.fixture
def history() -> Iterator[History]:
    """One in which all have a supervisor with one child each, which is ready."""
    made = History(places=(*PLACES, *OTHERS))
    for number in range(MANY):
        made.restart(number)
        made.set_size(number, 1)
    for _ in range(3):
        passes(made)
    assert len(made.world.alive()) == MANY
    assert [child.state for child in made.world.children] == ["idle"] * MANY
    yield made
    made.close()


def passes(history: History) -> None:
    """Every supervisor makes one."""
    for number in range(len(history.world.alive())):
        history.make_pass(number)


def passes_in_turns(history: History, chance: random.Random) -> None:
    """Every supervisor makes one, beside some others."""
    alive = list(range(len(history.world.alive())))
    chance.shuffle(alive)
    for first in range(0, len(alive), AT_ONCE):
        some = alive[first : first + AT_ONCE]
        history.world.turns.together([partial(history.make_pass, one) for one in some], chance)


def conflicts(history: History) -> tuple[int, int]:
    """How many claims there were, and how often a pass was refused."""
    engines = [one.engine for one in history.world.alive() if one.engine is not None]
    counts = [one.metrics.as_dict() for one in engines]
    return sum(one["claiming"] for one in counts), sum(one["conflicts"] for one in counts)


def test_64_supervisors_claim_what_few_clients_put(history: History) -> None:
    chance = random.Random(4711)
    for _ in range(4):
        for who in range(3):
            history.put(["counts"] * 16, who)
        for _ in range(3):
            history.world.pass_by(0.25)
            passes_in_turns(history, chance)
        while history.world.at_rest():
            history.work(0)
        history.expected.look()
    claims, refused = conflicts(history)
    assert claims >= 12
    assert refused <= 2 * claims, "whoever was refused has claimed in its next try"
    print(f"{claims} claims, {refused} conflicts, {history.world.turns.switches} switches")
    Rest(history).come_to_rest()


def held(history: History) -> dict[uuid.UUID, int]:
    """How many jobs the workers hold that hold any."""
    history.world.reader.sync()
    workers = history.expected.manager.workers.values()
    return {one.UUID: len(one.thread) for one in workers if len(one.thread)}


def test_what_half_of_64_supervisors_held_is_rescued_by_the_others(history: History) -> None:
    chance = random.Random(4711)
    for _ in range(4):
        for who in range(3):
            history.put(["counts"] * 14, who)
        history.world.pass_by(0.5)
        passes_in_turns(history, chance)
    holders = held(history)
    dead = {worker for number, worker in enumerate(sorted(holders)) if number % 2}
    assert len(dead) >= 2
    for worker in dead:
        history.world.supervisors[worker].die()
    history.world.advance(4 * DEADLY_SECONDS)
    assert not dead & set(held(history))
    history.expected.look()
    Rest(history).come_to_rest()
