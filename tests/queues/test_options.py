"""The options of a put: what they say, and how wrong ones are refused, by people's checkers too."""

from __future__ import annotations

import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.jobs import samples
from tests.support.sessions import FakeClock, Session
from zcasync import Partial, put
from zcasync.retry.policy import policy_of
from zcasync.retry.stock import RetryExceptions


@pytest.mark.parametrize("delay", [90, 90.0, timedelta(seconds=90)])
def test_a_delay_is_seconds_or_a_timedelta(
    session: Session, fake_clock: FakeClock, delay: Any
) -> None:
    partial = session.queue.put(samples.nothing, delay=delay)
    (other,) = session.queue.put_many([samples.nothing], delay=delay)
    assert partial.begin_after == other.begin_after == fake_clock.later(seconds=90)


def test_delays_that_make_no_sense_are_refused(session: Session, fake_clock: FakeClock) -> None:
    with pytest.raises(ValueError, match="delay and begin_after both say when"):
        session.queue.put(samples.nothing, fake_clock.moment, delay=1)
    for delay in (-1, timedelta(-1), float("nan"), float("inf"), 1e15):
        with pytest.raises(ValueError, match="delay"):
            session.queue.put(samples.nothing, delay=delay)
    for other in ("1", True):
        with pytest.raises(TypeError, match="seconds or a timedelta"):
            session.queue.put(samples.nothing, delay=other)  # type: ignore[arg-type]
    assert len(session.queue) == 0


def test_isolate_is_kept_only_where_it_is_asked_for(session: Session) -> None:
    alone = session.queue.put(samples.nothing, isolate=True)
    other = session.queue.put(samples.nothing, isolate=False)
    assert alone.is_isolated
    assert not other.is_isolated
    assert "_isolated" not in other.__getstate__()


def test_isolate_wins_over_what_the_queue_says_of_batches(session: Session) -> None:
    session.queue.batch = True
    assert not session.queue.put(samples.nothing, isolate=True).is_batch
    with pytest.raises(ValueError, match="isolate and batch exclude each other"):
        session.queue.put(samples.nothing, isolate=True, batch=True)


def test_no_reactor_call_has_a_process_of_its_own(session: Session) -> None:
    for put_one in (
        lambda: session.manager.reactor.put(samples.nothing, isolate=True),
        lambda: session.manager.reactor.put_many([samples.nothing], isolate=True),
        lambda: put(session.manager, samples.nothing, queue="reactor", isolate=True),
    ):
        with pytest.raises(ValueError, match="put it in the thread queue"):
            put_one()
    assert len(session.manager.reactor) == 0


def test_an_unknown_option_is_refused_with_the_nearest_name(session: Session) -> None:
    wrong: dict[str, Any] = {"begin_afer": None}
    with pytest.raises(TypeError, match=r"no option 'begin_afer': did you mean begin_after\?"):
        put(session.manager, samples.nothing, **wrong)
    with pytest.raises(TypeError, match=r"no option 'number'.*Partial\(call, number=\.\.\.\)"):
        session.queue.put_many([samples.nothing], number=2)


def test_put_takes_the_arguments_of_the_call(session: Session) -> None:
    demo = session.keep(samples.Demo())
    partial = put(demo, demo.increase, 3, retry="never")
    assert (list(partial.args), partial.retry_policy) == ([3], "never")
    with pytest.raises(TypeError, match="has its arguments already"):
        put(demo, Partial(demo.increase), 3)


@pytest.mark.parametrize(
    ("retry", "attempts", "first"),
    [
        (3, 4, 15),
        (0, 1, None),
        (7, 8, 15),  # as many as by default
        (RetryExceptions(limit=3, delay=2, jitter=0), 3, 2),
        ("exceptions(limit=2, delay=5)", 2, 5),
    ],
)
def test_retry_takes_a_number_or_values(
    session: Session, retry: Any, attempts: int, first: float | None
) -> None:
    partial = session.queue.put(samples.nothing, retry=retry)
    session.commit()
    session.connection.cacheMinimize()
    policy = policy_of(partial)
    assert policy._delays.limit == attempts
    if first is not None:
        assert first <= policy._delays.after(1).total_seconds() <= first * 1.1


@pytest.mark.parametrize(
    "retry",
    [True, -1, "exceptions(limit=x)", "exceptions(speed=2)", RetryExceptions(uniform=max)],
)
def test_a_retry_that_cannot_be_kept_is_refused_at_the_put(session: Session, retry: Any) -> None:
    with pytest.raises(ValueError, match="retry"):
        session.queue.put(samples.nothing, retry=retry)


def test_a_type_checker_refuses_a_misspelt_option(tmp_path: Path) -> None:
    snippet = tmp_path / "snippet.py"
    lines = ["import zcasync", "from typing import Any", "def go(db: Any) -> None:"]
    lines += [
        "    zcasync.put(db, len, [], delay=3, retry=3)",
        "    zcasync.put(db, len, delay='x')",
    ]
    lines += ["    zcasync.put(db, len, begin_afer=None)"]
    snippet.write_text("\n".join([*lines, ""]))
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--ignore-missing-imports", str(snippet)],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=300,
    )
    found = [line for line in done.stdout.splitlines() if ": error: " in line]
    assert [line.split(":")[1] for line in found] == ["5", "6"], done.stdout
    assert "begin_afer" in found[1]
