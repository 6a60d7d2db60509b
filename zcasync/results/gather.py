"""The results of many partials together, with counts."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from zcasync.job.failure import is_failure
from zcasync.job.record import PartialRecord
from zcasync.results.wait import as_over, has_result


@dataclass(frozen=True)
class Gathered:
    """What became of some partials.

    ``results``: one for each, in their order: the value or the Failure, None where it has none yet.
    ``done``: how many have a result, Failures included; ``failed``: how many of these are Failures;
    ``total``: how many were asked for.  ``undone``: the partials without a result.
    """

    results: list[Any]
    done: int
    failed: int
    total: int
    undone: tuple[PartialRecord, ...] = ()


def gather(partials: Iterable[PartialRecord], timeout: float | None = None) -> Gathered:
    """Return the results of partials when all have one, or what is there after ``timeout`` seconds.

    0: what is there now; None: however long it takes.  A partial that failed raises nothing here:
    its Failure is its result.  The records are read together, so 10,000 cost few requests to the
    database, not 10,000.  A new transaction is begun unless all have a result already.  Raises
    ValueError for partials of several connections, BadStateError as ``IPartial.wait``.
    """
    wanted = list(partials)
    if len({id(one._p_jar) for one in wanted if one._p_jar is not None}) > 1:
        raise ValueError("gather wants the partials of one connection")
    found = {id(one): one.result for one in as_over(wanted, has_result, timeout)}
    results = [found.get(id(one)) for one in wanted]
    return Gathered(
        results,
        done=sum(id(one) in found for one in wanted),
        failed=sum(map(is_failure, results)),
        total=len(wanted),
        undone=tuple(one for one in wanted if id(one) not in found),
    )
