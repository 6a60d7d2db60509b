"""Arguments in real children: as they were put for each attempt, and large ones written once."""

from __future__ import annotations

import functools
import json
import subprocess
import sys
from typing import Any

import pytest
from ZODB.utils import p64

from tests.jobs import basic as jobs
from tests.jobs import spoilers
from tests.jobs.spoilers import QUICK, Order, shown
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.errors import UnloadableArguments
from zcasync.job.values import Boxed, LargeValue
from zcasync.partial import Partial
from zcasync.zeo.connections import ghost

PLAIN: tuple[Any, ...] = ([1, [2]], {"key": {3, 4}}, (5, ["six"]), "text")
OWN: tuple[Any, ...] = (Order(1, [2]), [Order(3)], "text")
LARGE: tuple[Any, ...] = ([["line", number] for number in range(5_000)], Order(*range(9_000)))
#: The ways in which a call is put; what each stands for is in ``put``.
WAYS = ["alone", "batch", "detached", "reactor", "coroutine", "conflict"]


def put(client: Client, way: str, gate: Gate, args: tuple[Any, ...]) -> Partial:
    """Put a call that fails twice and spoils its arguments each time."""
    call = {"conflict": spoilers.take_and_conflict, "coroutine": spoilers.take_soon}
    options = {"batch": {"batch": True}, "detached": {"detached": True}}
    made = Partial(call.get(way, spoilers.take), gate.path, 2, *args, extra=list(args))
    queue = "reactor" if way in ("reactor", "coroutine") else "thread"
    partial = client.manager.queue(queue).put(made, retry=QUICK, **options.get(way, {}))
    client.commit()
    return partial


@pytest.mark.parametrize("args", [PLAIN, OWN, LARGE], ids=["plain", "own", "large"])
@pytest.mark.parametrize("way", WAYS)
def test_each_attempt_gets_the_arguments_as_they_were_put(
    client: Client, gate: Gate, way: str, args: tuple[Any, ...]
) -> None:
    expected = shown(args, {"extra": list(args)})
    partial = put(client, way, gate, args)

    assert client.wait_for(partial) == expected
    assert len(gate.arrivals()) == 3
    client.connection.cacheMinimize()
    assert shown(tuple(partial.args[2:]), dict(partial.kwargs)) == expected


@pytest.mark.parametrize("large", [False, True])
def test_each_attempt_gets_the_values_that_a_functools_partial_holds(
    client: Client, gate: Gate, large: bool
) -> None:
    lines = list(range(9_000 if large else 3))
    call = functools.partial(spoilers.take, gate.path, 2, lines, extra=Order(1))
    partial = client.put(call, retry=QUICK)

    assert client.wait_for(partial) == shown((lines,), {"extra": Order(1)})
    assert partial.callable.args[2] == lines


def test_a_call_that_reads_its_own_arguments_finds_them_as_they_were_put(
    client: Client, gate: Gate
) -> None:
    made = Partial.bind(spoilers.take_itself, gate.path, 2, [1], {"two": [3]})
    partial = client.manager.thread.put(made, retry=QUICK)
    client.commit()

    assert client.wait_for(partial) == shown(([1], {"two": [3]}), {})
    client.connection.cacheMinimize()
    assert list(partial.args[3:]) == [[1], {"two": [3]}]


@pytest.mark.parametrize("make", [spoilers.make, spoilers.make_plain])
@pytest.mark.parametrize("count", [3, 9_000], ids=["small", "large"])
def test_each_callback_gets_the_result_as_it_was_stored(
    client: Client, gate: Gate, make: Any, count: int
) -> None:
    expected = shown((["extra"], make(*range(count))), {})
    partial = Partial(make, *range(count))
    gates = [Gate(f"{gate.path}{number}") for number in range(4)]
    calls = [Partial(spoilers.take, one.path, 2, ["extra"]) for one in gates]
    callbacks = [partial.addCallback(one, retry=QUICK) for one in calls[:2]]
    callbacks += [partial.addCallbacks(success=one, retry=QUICK) for one in calls[2:]]
    client.manager.thread.put(partial)
    client.commit()
    client.wait_for(partial)

    assert [one.result for one in callbacks] == [expected] * 4
    assert [len(one.arrivals()) for one in gates] == [3] * 4
    client.connection.cacheMinimize()
    assert shown((["extra"], partial.result), {}) == expected


def test_each_callback_gets_the_failure_as_it_was_stored(client: Client, gate: Gate) -> None:
    partial = Partial(jobs.raise_text, "no")
    calls = [Partial(spoilers.annotate, f"{gate.path}{number}") for number in range(2)]
    callbacks = [partial.addCallback(calls[0], retry=QUICK)]
    callbacks.append(partial.addCallbacks(failure=calls[1], retry=QUICK))
    client.manager.thread.put(partial)
    client.commit()
    client.wait_for(partial)

    assert [one.result for one in callbacks] == [{}, {}]
    assert partial.result.evidence == {}


@pytest.mark.parametrize(
    "value",
    [b"x" * 10_000_000, [b"%07d" % number + b"x" * 993 for number in range(10_000)]],
    ids=["bytes", "list"],
)
def test_a_large_argument_is_written_once_in_the_life_of_its_job(
    common: Instance, client: Client, value: Any
) -> None:
    client.wait_for(client.put(jobs.nothing))
    file = common.home / "var" / "Data.fs"
    before = file.stat().st_size
    partial = client.put(spoilers.length, value)
    assert client.wait_for(partial) == len(value)
    worker = client.worker(common.home)
    client.wait_until(lambda: partial in worker.completed, "retirement")

    assert 1.0 <= (file.stat().st_size - before) / 10_000_000 < 1.05


def test_arguments_and_callbacks_may_have_16_megabytes_each(client: Client) -> None:
    values = [b"x" * 16_000_000, "y" * 16_000_000]
    partial = Partial(spoilers.length, values[0])
    callback = partial.addCallback(Partial(spoilers.length, values[1]))
    client.manager.thread.put(partial)
    client.commit()
    client.wait_for(partial)

    assert (partial.result, callback.result) == (16_000_000, 16_000_000)


def test_commands_show_large_arguments_by_their_type_and_size(
    common: Instance, client: Client
) -> None:
    partial = client.put(spoilers.length, b"x" * 1_000_000, Order(*range(9_000)))
    client.wait_for(partial)
    told = command_json(common, "job", partial.id)
    listed = command_json(common, "jobs", "--limit", "50")

    assert told["args"][0] == "<bytes of 1,000,000 bytes>"
    assert told["args"][1].startswith("<Order of ")
    assert told["call"].startswith("spoilers.length(<bytes of 1,000,000 bytes>, <Order of ")
    assert told["call"] in [one["call"] for one in listed["jobs"]]
    assert len(json.dumps(told)) < 5_000


def test_a_box_that_is_missing_costs_its_job_only(common: Instance, client: Client) -> None:
    partials = [client.manager.thread.put(Partial(spoilers.length, b"x" * 10_000)) for _ in "123"]
    lost = ghost(client.connection, p64(2**40), LargeValue)
    partials[1].__dict__["_args"] = (Boxed("bytes", 10_000, lost),)
    client.commit()
    results = client.wait_for(*partials)

    assert (results[0], results[2]) == (10_000, 10_000)
    assert results[1].check(UnloadableArguments)
    assert "the args[0] of tests.jobs.spoilers.length cannot be loaded: there is no record" in str(
        results[1].value
    )


def command_json(instance: Instance, *words: str) -> Any:
    """What a command prints as JSON."""
    command = [sys.executable, "-m", "zcasync.cli.main", *words, "--json", "--home"]
    done = subprocess.run(
        [*command, str(instance.home)],
        env=instance.environment,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done
    return json.loads(done.stdout)
