"""What it takes: bytes of the file storage, memory, and the processor while idle."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import psutil

from bench import calls
from bench.place import Place
from bench.rows import Need, Row, Say
from bench.scale import Scale
from zcasync.interfaces import COMPLETED
from zcasync.partial import Partial
from zcasync.supervisor.poll.ping import IDLE_PING_SECONDS

MEBIBYTE = 1024 * 1024
#: With a process id it makes the id of that process's own clock, as clock_getcpuclockid(3) does.
CPUCLOCK_SCHED = 2


def growth(place: Place, make: Callable[[], list[Any]]) -> float:
    """Bytes of the file storage for one of the jobs that ``make`` puts: for its whole life."""
    data = place.home.data_fs
    before = data.stat().st_size
    with place.held_up():
        partials = make()
    place.wait_for(partials)
    return (data.stat().st_size - before) / len(partials)


def growth_one_by_one(place: Place, count: int) -> float:
    """The same for jobs each of which is put when the one before is completed."""
    data = place.home.data_fs
    before = data.stat().st_size
    for _ in range(count):
        (job,) = place.put(calls.noop, 1)
        place.wait_until(lambda job=job: job.state == COMPLETED, "a job")
    place.wait_for([job])
    return (data.stat().st_size - before) / count


def measure_bytes(place: Place, scale: Scale, say: Say) -> list[Row]:
    """Put to retirement; the two jobs that held the children up for it are spread over all."""

    def with_callbacks() -> list[Any]:
        partials = []
        for _ in range(scale.kept):
            partial = Partial(calls.noop)
            partial.addCallback(calls.pass_on)
            partials.append(place.manager.thread.put(partial))
            place.commit()
        return partials

    def in_bulk() -> list[Any]:
        partials: list[Any] = place.manager.thread.put_many([calls.noop] * scale.kept)
        place.commit()
        return partials

    say("single jobs, with callbacks, in bulk, grouped, one by one")
    return [
        Row("bytes a job", growth(place, lambda: place.put(calls.noop, scale.kept)),
            "bytes", None, Need(2000, at_most=True)),
        Row("bytes a job with a callback", growth(place, with_callbacks),
            "bytes", None, Need(3500, at_most=True)),
        Row("bytes a job, one by one", growth_one_by_one(place, scale.kept), "bytes"),
        Row("bytes a job of put_many", growth(place, in_bulk), "bytes"),
        Row("bytes a job with group commit",
            growth(place, lambda: place.put(calls.noop, scale.kept, batch=True)), "bytes"),
    ]  # fmt: skip


def measure_memory(place: Place, scale: Scale, say: Say) -> list[Row]:
    """What each process has for itself, after the jobs that have run so far."""
    status = place.status()
    children = [child["pid"] for child in status["children"] if child["state"] != "spare"]
    spares = [child["pid"] for child in status["children"] if child["state"] == "spare"]
    rows = [
        Row("memory of the supervisor (USS)", _uss(status["pid"]), "MiB"),
        Row("memory of a child (USS)", max(map(_uss, children)), "MiB"),
    ]
    if spares:
        rows.append(Row("memory of the spare child (USS)", max(map(_uss, spares)), "MiB"))
    rows.append(Row("memory of the database server (USS)", _uss(status["server_pid"]), "MiB"))
    return rows


def measure_idle(place: Place, scale: Scale, say: Say) -> list[Row]:
    """The processor's time and the growth while nothing is to be done."""
    status = place.status()
    supervisor = psutil.Process(status["pid"])
    others = supervisor.children(recursive=True)
    data = place.home.data_fs
    say(f"idle for {scale.idle:g} s")
    size, began = data.stat().st_size, time.monotonic()
    before, others_before = _cpu_seconds(supervisor), sum(map(_cpu_seconds, others))
    time.sleep(scale.idle)
    seconds = time.monotonic() - began
    own = _cpu_seconds(supervisor) - before
    rest = sum(map(_cpu_seconds, others)) - others_before
    grown = data.stat().st_size - size
    daily = _ping_bytes(place) * 86400 / IDLE_PING_SECONDS
    return [
        Row("idle supervisor", 100 * own / seconds, "% of a core", None, Need(0.5, at_most=True)),
        Row("its idle children and database server", 100 * rest / seconds, "% of a core"),
        Row(f"growth in {seconds:.0f} s idle", grown, "bytes"),
        Row("growth of an idle day by pings", daily / 1e6, "MB", None, Need(0.1, at_most=True)),
    ]


def _uss(pid: int) -> float:
    return float(psutil.Process(pid).memory_full_info().uss) / MEBIBYTE


def _cpu_seconds(process: psutil.Process) -> float:
    """What it has used so far; psutil's figure is in hundredths, too coarse for the idle."""
    try:
        return time.clock_gettime(~process.pid << 3 | CPUCLOCK_SCHED)
    except (OSError, AttributeError):  # not Linux
        times = process.cpu_times()
        return float(times.user + times.system)


def _ping_bytes(place: Place) -> int:
    """What one ping adds to the file storage; here the client writes one that says the same."""
    place.sync()
    before = place.home.data_fs.stat().st_size
    ping = place.worker.ping
    ping.write(ping.promise)
    place.commit()
    return place.home.data_fs.stat().st_size - before
