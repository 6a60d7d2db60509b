"""Jobs a second: put, bulk put, drain, group commit, and chains of callbacks."""

from __future__ import annotations

import os
from collections import defaultdict
from typing import Any

from bench import calls
from bench.place import Levels, Place, timed
from bench.rows import Need, Row, Say, middle, per_second
from bench.scale import Scale
from zcasync.partial import Partial
from zcasync.zeo.bulk_load import load_all

#: The children have just passed a gate, and it takes some jobs until they are handed many at once.
WARM_UP = 0.1


class Rounds:
    """Rates by name, each with its ratio to the floor around it."""

    def __init__(self, place: Place, scale: Scale) -> None:
        self._levels = Levels(place, scale.commits)
        self._rates: dict[str, list[float]] = defaultdict(list)
        self._ratios: dict[str, list[float]] = defaultdict(list)

    def add(self, **rates: float) -> None:
        """Rates that were measured since the last time."""
        level = self._levels.around()
        for name, rate in rates.items():
            self._rates[name].append(rate)
            self._ratios[name].append(rate / level)

    def row(self, key: str, name: str, unit: str, need: Need | None = None) -> Row:
        """The middle of all rounds."""
        return Row(name, middle(self._rates[key]), unit, middle(self._ratios[key]), need)


def drain(place: Place, partials: list[Any]) -> float:
    """Jobs a second of what was put behind the gate, once it is open."""
    place.wait_for(partials)
    return per_second((partial._ended for partial in partials), WARM_UP)


def measure(place: Place, scale: Scale, say: Say) -> list[Row]:
    """Puts and drains, of isolated and of grouped jobs."""
    cores = os.cpu_count() or 1
    rounds = Rounds(place, scale)
    for number in range(scale.rounds):
        say(f"round {number + 1} of {scale.rounds}")
        _one_round(place, scale, rounds)
    rows = [
        rounds.row("put", "put, a commit each", "/s", Need(0.75)),
        rounds.row("drain", "drain of no-ops, 2 children", "/s", Need(0.65)),
        rounds.row("group", "drain with group commit, 2 children", "/s", Need(2.5)),
    ]
    if cores > 2:
        say(f"{cores} children")
        place.resize(cores)
        for _ in range(scale.rounds):
            with place.held_up():
                partials = place.put(calls.noop, scale.puts)
                rounds.add()
            rounds.add(wide=drain(place, partials))
        place.resize(2)
        rows.append(rounds.row("wide", f"drain of no-ops, {cores} children", "/s"))
    return rows


def _one_round(place: Place, scale: Scale, rounds: Rounds) -> None:
    partials: list[Any] = []
    with place.held_up():
        rounds.add()
        took = timed(lambda: partials.extend(place.put(calls.noop, scale.puts)))
        rounds.add(put=scale.puts / took)
    rounds.add(drain=drain(place, partials))
    with place.held_up():
        grouped = place.manager.thread.put_many([calls.noop] * scale.grouped, batch=True)
        place.commit()
        rounds.add()
    rounds.add(group=drain(place, grouped))


def measure_bulk(place: Place, scale: Scale, say: Say) -> list[Row]:
    """put_many with its commit, while nobody claims."""
    place.resize(0)
    rounds = Rounds(place, scale)
    for number in range(scale.rounds):
        say(f"round {number + 1} of {scale.rounds}")
        place.sync()

        def put() -> None:
            place.manager.thread.put_many([calls.noop] * scale.bulk)
            place.commit()

        took = timed(put)
        rounds.add(bulk=scale.bulk / took)
    row = rounds.row("bulk", f"put_many of {scale.bulk:,} in one commit", "/s")
    aim = Need(15_000, is_aim=True)
    return [row, Row("put_many, jobs a second", row.value, "/s", None, aim)]


def measure_chains(place: Place, scale: Scale, say: Say) -> list[Row]:
    """Jobs that have a chain of callbacks behind them: calls a second."""
    rounds = Rounds(place, scale)
    for number in range(scale.rounds):
        say(f"round {number + 1} of {scale.rounds}")
        with place.held_up():
            chains = [_chain(scale.links) for _ in range(scale.chains)]
            place.manager.thread.put_many(chain[0] for chain in chains)
            place.commit()
            rounds.add()
        place.wait_for([chain[0] for chain in chains])
        every = [partial for chain in chains for partial in chain]
        load_all(place.connection, [partial._p_oid for partial in every])
        rounds.add(calls=per_second((partial._ended for partial in every), WARM_UP))
    return [rounds.row("calls", f"calls in chains of {scale.links} callbacks", "/s")]


def _chain(links: int) -> list[Partial]:
    chain = [Partial(calls.noop)]
    for _ in range(links):
        chain.append(chain[-1].addCallback(calls.pass_on))
    return chain
