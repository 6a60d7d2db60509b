"""What waits for quotas: how many of the due jobs of a queue stand in their trees, by quota."""

from __future__ import annotations

from itertools import islice
from typing import Any

from zcasync import clock
from zcasync.queues.restriction import is_at_once, quotas_in
from zcasync.zeo.bulk_load import load_all

#: To be counted so many jobs are loaded at once, and so many in all; then entries, no more than so.
PIECE, COUNTED, MOST_COUNTED = 100, 1000, 100_000


def count_waiting(queue: Any) -> dict[str, int]:
    """Return how many due jobs stand behind a quota of a queue, by its name.

    Those that no claim has come to yet are not among them.  What was cancelled or pulled meanwhile
    is known only by a look at each; of very many all count.
    """
    found: dict[str, int] = {}
    budget, last = COUNTED, (clock.now() + 1, 0)
    for lane in queue.lanes().values():
        for key, tree in (lane.filed or {}).items():
            names = quotas_in(key)
            if not names:
                continue
            entries = iter(tree.items() if is_at_once(key) else tree.items(None, last))
            count, looked = _count(queue, entries, budget)
            budget -= looked
            for name in names:
                found[name] = found.get(name, 0) + count
    return found


def _count(queue: Any, entries: Any, budget: int) -> tuple[int, int]:
    """Return how many of these wait, and how many were looked at for that."""
    count = looked = 0
    while looked < budget and (some := list(islice(entries, PIECE))):
        looked += len(some)
        if queue._p_jar is not None:
            load_all(queue._p_jar, [partial._p_oid for _, partial in some])
        count += sum(queue.waits(partial, due) for (due, _), partial in some)
    return count + sum(1 for _ in islice(entries, MOST_COUNTED)), looked
