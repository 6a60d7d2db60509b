"""Thousands of jobs and dozens of recycled children: the supervisor stays as it was.

It takes minutes: it runs where ``CHAOS_SECONDS`` asks for the long version, as ``make chaos`` does.
"""

from __future__ import annotations

from collections.abc import Callable

import psutil
import pytest

from tests.chaos.options import options
from tests.jobs.basic import nothing
from tests.support.instance import Instance
from tests.support.numbers import Numbers

#: So few at once that a child which has done its jobs is replaced before the next ones come.
JOBS_OF_A_ROUND = 100
#: At least so many of each; the children share rounds by chance, and end between two jobs.
JOBS, CHILDREN = 5000, 50
#: The figures are taken after so many jobs.
PRINTED = 500
JOBS_OF_A_CHILD = 100
CONFIG = f"""
<zcasync>
  grace-period 5
  max-jobs {JOBS_OF_A_CHILD}
</zcasync>
"""
#: What the supervisor may have more than after the first round.
MORE = Numbers(files=3, threads=3)
MORE_BYTES = 10_000_000


@pytest.mark.skipif(not options().is_long, reason="a part of make chaos")
def test_the_supervisor_stays_as_it_was_over_5000_jobs_and_50_children(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(children=2, config=CONFIG).start()
    supervisor = psutil.Process(instance.pid)
    found = []
    done = recycled = 0
    while done < JOBS or recycled < CHILDREN:
        instance.client.wait_for(*instance.client.put_many(nothing, JOBS_OF_A_ROUND), timeout=120)
        instance.wait_for_spare()
        instance.wait_for_children(2)
        done, recycled = done + JOBS_OF_A_ROUND, instance.log.count("(max-jobs)")
        assert recycled >= done // (2 * JOBS_OF_A_CHILD) - 2, "children are not replaced"
        if done % PRINTED == 0:
            found.append((Numbers.of(instance.pid), supervisor.memory_info().rss))
            print(
                f"{done} jobs, {recycled} children recycled: {found[-1][0]}, "
                f"{found[-1][1] / 1e6:.1f} MB"
            )
    (first, bytes_first), (last, bytes_last) = found[0], found[-1]
    assert last <= first + MORE, f"{first}, then {last}"
    assert bytes_last <= bytes_first + MORE_BYTES
