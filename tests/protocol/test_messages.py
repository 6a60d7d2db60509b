"""What processes say to each other arrives as it was said, and fits into AMP's values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.protocols import amp

from zcasync.child.amp import MOST_SENT
from zcasync.job.conflict_counts import Conflict, ConflictCounts, from_rows
from zcasync.job.outcome import Outcome
from zcasync.liveness.death import Death, SupervisorDeath
from zcasync.protocol import commands, control
from zcasync.protocol.arguments import PIECE_BYTES, Json, Oids
from zcasync.protocol.child_spec import ChildSpec
from zcasync.protocol.outcomes import Completion, Ended, Ending

AMP_LIMIT_BYTES = 65_535
#: Hypothesis is to find cases, not to measure this machine.
few = settings(max_examples=25, deadline=None)
PLAIN = st.none() | st.booleans() | st.integers() | st.text(max_size=20)
JSON = PLAIN | st.lists(PLAIN, max_size=5) | st.dictionaries(st.text(max_size=5), PLAIN, max_size=5)


@few
@given(st.lists(st.binary(min_size=8, max_size=8), max_size=200))
def test_oids_arrive_in_their_order(oids: list[bytes]) -> None:
    assert Oids().fromString(Oids().toString(oids)) == oids


@few
@given(JSON)
def test_json_arrives_as_it_was(value: Any) -> None:
    assert Json().fromString(Json().toString(value)) == value


@few
@given(JSON)
def test_the_pieces_of_a_text_make_the_whole(value: Any) -> None:
    assert json.loads(b"".join(control.pieces(value))) == value


@pytest.mark.parametrize("length", [0, PIECE_BYTES - 2, PIECE_BYTES - 1, 3 * PIECE_BYTES])
def test_every_piece_fits_into_a_value(length: int) -> None:
    found = control.pieces("x" * length)

    assert len(found) == -(-(length + 2) // PIECE_BYTES)
    assert all(0 < len(piece) <= PIECE_BYTES < AMP_LIMIT_BYTES for piece in found)


def test_a_child_spec_arrives_as_it_was() -> None:
    spec = ChildSpec(
        home="/a/höme",
        config=None,
        incarnation="00ff",
        parent=7,
        storage_timeout=1.5,
        servers={"main": [["/a/zeo.sock"], "1"]},
    )

    assert ChildSpec.from_text(spec.to_text()) == spec
    assert "\n" not in spec.to_text()


@pytest.mark.parametrize(
    ("death", "summary"),
    [
        (Death(7, exit_code=3), "child process 7 exited with 3"),
        (Death(7, exit_code=0), "child process 7 exited with 0"),
        (Death(7), "child process 7 ended"),
        (SupervisorDeath(7), "the supervisor, process 7, is gone, and its children with it"),
        (SupervisorDeath(0), "the supervisor is gone, and its children with it"),
        (Death(7, signal="SIGSEGV"), "child process 7 was killed by SIGSEGV"),
        (Death(7, signal="SIGKILL", reason="not ready"), "child process 7 was killed by SIGKILL "
         "(not ready)"),
    ],
)  # fmt: skip
def test_a_death_is_told_in_one_line(death: Death, summary: str) -> None:
    assert death.summary == summary
    assert "\n" not in summary


def test_the_evidence_of_a_death_is_plain() -> None:
    evidence = Death(7, signal="SIGKILL", output=("one", "two")).as_dict()

    assert json.loads(json.dumps(evidence)) == {
        "pid": 7,
        "exit_code": None,
        "signal": "SIGKILL",
        "reason": None,
        "job": None,
        "output": ["one", "two"],
    }


@pytest.mark.parametrize("ending", Ending)
def test_an_ending_arrives_as_it_was(ending: Ending) -> None:
    completions = [Completion(1), Completion(2**50, Outcome.CANCELLED)]
    said = Ended([b"\0" * 8, b"\1" * 8], ending, 5, "é", completions).as_dict()
    box = commands.Ended.makeArguments(said, None)
    heard = commands.Ended.parseArguments(amp.AmpBox(box), None)

    assert heard == {**said, "conflicts": None}
    assert Ending(heard["ending"]) is ending


def test_conflicts_arrive_with_an_ending_and_fit_whatever_they_are_called() -> None:
    counts = ConflictCounts()
    for number in range(MOST_SENT):
        calls = tuple("\N{GRINNING FACE}" * 100 + f"{number}{call}" for call in "abc")
        counts.add(Conflict("\N{GRINNING FACE}" * 100, hex(2**64 - number), calls))
    found = counts.take()
    said = {**Ended([], Ending.SPENT, 5).as_dict(), "conflicts": found}
    box = commands.Ended.makeArguments(said, None)
    heard = commands.Ended.parseArguments(amp.AmpBox(box), None)

    assert from_rows(heard["conflicts"]) == found
    assert all(len(value) < AMP_LIMIT_BYTES for value in box.values())


def test_a_message_with_a_full_reserve_of_jobs_fits() -> None:
    oids = [number.to_bytes(8) for number in range(101)]
    box = commands.Perform.makeArguments({"oids": oids, "tid": b"\0" * 8}, None)
    heard = commands.Perform.parseArguments(amp.AmpBox(box), None)

    assert heard == {"oids": oids, "tid": b"\0" * 8}
    assert all(len(value) < AMP_LIMIT_BYTES for value in box.values())
