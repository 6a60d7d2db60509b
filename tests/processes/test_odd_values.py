"""Arguments and exceptions whose own code raises, hangs or returns a gigabyte."""

from __future__ import annotations

import functools
import subprocess
import sys
from typing import Any

import pytest

from tests.jobs import odd_values as odd
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.interfaces import COMPLETED
from zcasync.job.failure import MESSAGE_LIMIT_CHARACTERS, TRACEBACK_LIMIT_CHARACTERS
from zcasync.job.ids import id_of
from zcasync.partial import Partial
from zcasync.testing.waiting import wait_until

#: Longer than any command takes, shorter than what hangs.
SECONDS = 60
every_deed = pytest.mark.parametrize("deed", odd.DEEDS)
#: Those after which the process that asks is still there, and goes on.
that_end = pytest.mark.parametrize("deed", ["raises", "exits", "giant"])


def shown(instance: Instance, *words: str) -> str:
    """What a command prints, as a process, without the application."""
    done = subprocess.run(
        [sys.executable, "-m", "zcasync.cli.main", *words, "--home", str(instance.home)],
        env=instance.environment,
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done
    assert len(done.stdout) < 200_000
    assert "own code was run" not in done.stdout
    return done.stdout


@every_deed
def test_nobody_asks_an_argument_what_it_is(common: Instance, client: Client, deed: str) -> None:
    stored = client.add(f"odd {deed}", odd.OddRecord(deed))
    calls = [
        Partial(odd.take, odd.Odd(deed), key=[odd.Odd(deed)]),
        Partial(odd.partial_of(deed)),
        Partial(stored.method, stored),
        Partial(stored),
        Partial(functools.partial(stored, 1)),
        Partial(odd.give, deed),
    ]
    partials = [client.manager.thread.put(one) for one in calls]
    client.commit()
    for one in partials:
        assert len(repr(one)) < 1000
    ids = [id_of(one) for one in partials]
    wait_until(lambda: _are_over(client, partials), "them to be over", 60, common.evidence)
    for job in ids:
        assert shown(common, "job", job)
        assert shown(common, "job", job, "--json")
    assert set(ids) <= set(
        shown(common, "jobs", "--json", "--limit", "100")
        .replace('"', " ")
        .replace(",", " ")
        .split()
    )
    for command in ("jobs", "status", "tail --last 20 --seconds 0.1", "top"):
        shown(common, *command.split())
    assert common.is_alive


def _are_over(client: Client, partials: list[Any]) -> bool:
    client.sync()
    return all(one.state == COMPLETED for one in partials)


@that_end
@pytest.mark.parametrize("call", [odd.complain, odd.complain_because, odd.complain_of])
def test_an_exception_that_cannot_say_what_it_is_ends_its_job_once(
    common: Instance, client: Client, call: Any, deed: str
) -> None:
    partial = client.put(call, deed)
    failure = client.wait_for(partial, timeout=120)
    name = {odd.complain: "OddError", odd.complain_because: "ValueError"}.get(call, "KeyError")
    assert failure.type_name.endswith(name)
    assert (partial.attempts, partial.interruptions) == (1, 0)
    assert len(failure.getErrorMessage()) <= MESSAGE_LIMIT_CHARACTERS + 100
    assert len(failure.getTraceback()) <= TRACEBACK_LIMIT_CHARACTERS + 100
    assert call.__name__ in failure.getTraceback()
    assert shown(common, "job", id_of(partial))


def test_the_text_of_an_exception_is_stored_as_a_plain_one(client: Client) -> None:
    failure = client.wait_for(client.put(odd.complain_in_own_text))
    assert type(failure.getErrorMessage()) is str
    assert failure.getErrorMessage() == "a text of its own class"
    assert type(failure.value.args[0]) is str


def test_an_exception_that_hangs_is_its_job_s_own_and_can_be_cancelled(
    common: Instance, client: Client, gate: Gate
) -> None:
    hanging = client.put(odd.complain, "hangs")
    client.wait_until(lambda: hanging.started is not None or hanging.claim is not None, "a claim")
    assert client.wait_for(client.put(odd.take)) == "taken"
    shown(common, "cancel", id_of(hanging))
    assert "cancelled" in client.wait_for(hanging).getErrorMessage()
