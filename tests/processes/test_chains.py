"""Long chains of jobs that return jobs, in real processes."""

from __future__ import annotations

import pytest

from tests.jobs import chains
from tests.jobs.chains import Node
from tests.support.instance import Client
from zcasync.errors import BadStateError
from zcasync.partial import Partial

#: More than a child, or a pass, could walk over by calling itself.
LINKS = 500


@pytest.mark.parametrize("queue", ["thread", "reactor"])
@pytest.mark.parametrize("batch", [False, True])
def test_a_chain_of_any_length_has_the_result_of_its_end(
    client: Client, queue: str, batch: bool
) -> None:
    first = client.manager.queue(queue).put(Partial.bind(chains.link, LINKS), batch=batch)
    client.commit()

    assert client.wait_for(first, timeout=300) == "the end"


@pytest.mark.parametrize("queue", ["thread", "reactor"])
@pytest.mark.parametrize("batch", [False, True])
def test_a_ring_ends_although_its_jobs_run_at_once(client: Client, queue: str, batch: bool) -> None:
    nodes = [Node() for _ in range(20)]
    partials = [client.manager.queue(queue).put(node.follow, batch=batch) for node in nodes]
    for number, node in enumerate(nodes):
        node.following = partials[(number + 1) % len(nodes)]
    client.commit()

    results = client.wait_for(*partials, timeout=60)

    assert {result.type for result in results} == {BadStateError}
