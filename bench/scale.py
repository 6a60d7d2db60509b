"""How much is measured: the full benchmark of about five minutes, and a quick look."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Scale:
    """Counts and durations (seconds) of all measures."""

    rounds: int = 5  # of everything that alternates with the floor
    commits: int = 400  # raw ones, each time the floor is measured
    puts: int = 800
    grouped: int = 4000  # jobs that share commits
    bulk: int = 5000  # jobs of one put_many
    starts: int = 200  # jobs that start on an idle supervisor
    trips: int = 300
    chains: int = 40
    links: int = 10  # callbacks of a chain
    depths: tuple[int, ...] = (20_000, 100_000)
    windows: int = 3  # at each depth
    kinds: tuple[str, ...] = ("pending", "held", "mixed", "unique", "behind a quota")
    window: float = 2.0
    writing: float = 12.0  # how long the eight clients put
    spins: int = 60  # CPU-bound jobs
    spin: int = 2_000_000  # steps of each
    kept: int = 500  # jobs whose bytes are counted
    idle: float = 25.0
    members: tuple[int, ...] = (250, 1000, 4000)  # of flows
    masses: tuple[int, ...] = (10_000, 100_000, 1_000_000)  # of jobs, in ``million``
    few: int = 8  # clients that have put them
    crowds: tuple[int, ...] = (100, 1000)  # clients that have put the fewest of these


FULL = Scale()
QUICK = Scale(
    rounds=1,
    commits=50,
    puts=60,
    grouped=120,
    bulk=200,
    starts=5,
    trips=5,
    chains=3,
    links=3,
    depths=(200,),
    windows=1,
    kinds=("held", "mixed", "unique", "behind a quota"),
    window=0.3,
    writing=1.0,
    spins=4,
    spin=100_000,
    kept=40,
    idle=1.0,
    members=(20, 40),
    masses=(200,),
    crowds=(20,),
)
