"""Stopped: whether a call may not begin any more, for its flow or for what it begins after."""

from __future__ import annotations

from twisted.python.failure import Failure

from zcasync.errors import AbortedError, JobCancelled
from zcasync.job.gate import Gate
from zcasync.job.ids import id_of
from zcasync.job.outcome import Outcome, outcome
from zcasync.job.record import PartialRecord
from zcasync.retry.fault import Refused

#: So much is shown of the message of what has failed.
MESSAGE_CHARACTERS = 500


def stopped(partial: PartialRecord) -> Refused | None:
    """Return the refusal of a call that is not to be made any more; None: nothing has stopped it.

    A failure behind which it was to begin; and for the members of a flow, to any depth, the failure
    of another one, or the end of the flow itself.
    """
    line = [partial]
    while line[-1].flow_gate is not None:
        line.append(line[-1].flow_gate.partial)
    for one in line[:-1]:
        refusal = _by_end(one.flow_gate)
        if refusal is not None:
            return refusal
    for one in line:
        for gate in (one.after_gate, one.members_gate if one is partial else None, one.flow_gate):
            refusal = _by_gate(gate, one)
            if refusal is not None:
                return refusal
    return None


def _by_gate(gate: Gate | None, partial: PartialRecord) -> Refused | None:
    found = None if gate is None else gate.first_failed
    if gate is None or found is None or found[1] is partial:  # that one may be run again
        return None
    message = f"{path_of_failure(gate)} failed: {_message(_last(gate))}"
    if not gate.is_flow:
        message = f"it was to begin after {message}"
    return Refused(AbortedError(message, who=_id(found[1])))


def _by_end(gate: Gate) -> Refused | None:
    """Return the refusal of a member whose flow has ended before its members had."""
    flow = gate.partial
    if gate.is_open or not flow.has_result:
        return None
    result = flow.stored_result
    message = f"its flow {_id(flow)} has ended: {_text(result)}"
    if outcome(result) == Outcome.CANCELLED:
        who = getattr(result.value, "who", None)
        return Refused(JobCancelled(message, who=who))
    return Refused(AbortedError(message, who=f"flow {_id(flow)}"))


def path_of_failure(gate: Gate) -> str:
    """Return where the first failure is: ``flow 0x12 / 3 / import_page``, down through flows.

    Of calls that are no members: ``job 0x12 (app.import_page)``.
    """
    assert gate.first_failed is not None
    number, member = gate.first_failed
    if not gate.is_flow:
        return f"job {_id(member)} ({member.callable_name})"
    way = f"flow {_id(gate.partial)} / {number}"
    below = member.members_gate
    if below is not None and below.first_failed is not None:
        return f"{way} / {path_of_failure(below)}"
    return f"{way} / {member.callable_name.rpartition('.')[2]}"


def _last(gate: Gate) -> PartialRecord:
    """Return the call whose own failure it was."""
    assert gate.first_failed is not None
    member = gate.first_failed[1]
    below = member.members_gate
    return member if below is None or below.first_failed is None else _last(below)


def _message(partial: PartialRecord) -> str:
    return _text(partial.stored_result)


def _text(result: object) -> str:
    if not isinstance(result, Failure):
        return "it has a result"
    return str(result.getErrorMessage())[:MESSAGE_CHARACTERS]


def _id(partial: PartialRecord) -> str:
    return "(not stored)" if partial._p_jar is None else id_of(partial)
