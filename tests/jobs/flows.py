"""Jobs for flows: members that note that they were called, and what is made of them."""

from __future__ import annotations

from typing import Any

from persistent.list import PersistentList

import zcasync
from tests.support.gates import Gate
from zcasync import Partial, current


def note(log: PersistentList[Any], value: Any) -> Any:
    """Note a value in the order of the calls, and return it."""
    log.append(value)
    return value


def fail(log: PersistentList[Any], value: Any) -> None:
    raise ValueError(f"{value} is wrong")


def total(*members: Any) -> int:
    """The sum of the members' results."""
    return sum(member.result for member in members)


def outcomes(*members: Any) -> list[str]:
    """What has become of each member, in words."""
    return [
        "failed" if hasattr(member.result, "getErrorMessage") else str(member.result)
        for member in members
    ]


def add_more(log: PersistentList[Any], count: int) -> str:
    """Add members to the flow that this one is a member of."""
    own = current()
    assert own is not None
    flow = own.flow
    log.append("adder")
    flow.add(*(Partial(note, log, number) for number in range(count)))
    return "added"


def at_gate(path: str, *ignored: Any) -> str:
    """Wait at a gate; as a member, or with the members as its arguments."""
    Gate(path).pass_through()
    return "passed"


def sum_at_gate(path: str, *members: Any) -> int:
    Gate(path).pass_through()
    return total(*members)


def count_key(done: Any, key: Any) -> None:
    """Count how often this is called with a key."""
    if key == "wrong":
        raise ValueError(key)
    done[key] = done.get(key, 0) + 1


def fail_unless(box: Any) -> str:
    """Fail until there is something in the box."""
    if not box:
        raise ValueError("the box is empty")
    return "done"


def return_kept(root: Any, name: str) -> Any:
    """Return a partial, to wait for it."""
    return root[name]


def note_or_fail(calls: Any, name: Any, *others: Any) -> Any:
    """Fail where that is wanted, else note the call, and return the name."""
    if name in calls["bad"]:
        raise ValueError(f"{name} is bad")
    calls[name] = calls.get(name, 0) + 1
    if "order" in calls:
        calls["order"].append(name)
    return name


@zcasync.job(detached=True)
def far() -> str:
    return "far"
