"""The kernel kills a child for want of memory, in a cgroup that is ours alone; its job tells so."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.jobs import basic as jobs
from tests.support.instance import Instance
from zcasync.errors import AbortedError
from zcasync.partial import Partial
from zcasync.supervisor.children.oom import CHILD_SCORE
from zcasync.testing.waiting import wait_until

#: Where a cgroup can be made, and what limits its memory: of version 2, and of version 1.
HIERARCHIES = [("/sys/fs/cgroup", "memory.max"), ("/sys/fs/cgroup/memory", "memory.limit_in_bytes")]
LIMIT_BYTES = 400 * 2**20
#: What a killed process has had is counted for a moment longer, and meanwhile the kernel kills who
#: is left, the supervisor, too: so many processes are there to be taken before it.
SPARED_BY = 20
#: Puts itself in the cgroup that is its first argument, and becomes the command that follows.
IN_GROUP = 'echo $$ > "$0"/cgroup.procs && exec "$@"'


def make_group() -> Path | None:
    """A cgroup with little memory; None where none can be made."""
    for where, limit in HIERARCHIES:
        made = Path(where) / f"zcasync-test-{os.getpid()}"
        try:
            if (Path(where) / "cgroup.procs").exists():
                made.mkdir()
                (made / limit).write_text(str(LIMIT_BYTES))
                return made
        except OSError:
            with suppress(OSError):
                made.rmdir()
    return None


@pytest.fixture
def group() -> Iterator[Path]:
    made = make_group()
    if made is None:
        pytest.skip("no cgroup with a limit of its memory can be made here")
    others = [subprocess.Popen(["sleep", "600"]) for _ in range(SPARED_BY)]
    for other in others:
        (made / "cgroup.procs").write_text(str(other.pid))
        Path(f"/proc/{other.pid}/oom_score_adj").write_text(str(CHILD_SCORE // 2))
    yield made
    for other in others:
        other.kill()
        other.wait()
    wait_until(lambda: not (made / "cgroup.procs").read_text(), "the cgroup to be empty")
    made.rmdir()


def test_a_child_that_the_kernel_kills_for_want_of_memory_leaves_the_reason(
    group: Path, make_instance: Callable[..., Instance]
) -> None:
    instance = make_instance(children=1)
    instance.launch(["sh", "-c", IN_GROUP, str(group), *instance.command]).wait_until_ready()
    client = instance.client
    partial = client.manager.thread.put(Partial(jobs.eat_memory, 4 * LIMIT_BYTES))
    partial._interruptions = 9  # the next one is the last
    client.commit()
    failure = client.wait_for(partial, timeout=60)
    assert failure.check(AbortedError)
    assert failure.evidence["signal"] == "SIGKILL"
    assert "out of memory: the kernel killed it" in failure.getErrorMessage()
    assert client.wait_for(client.put(jobs.echo, 1)) == ((1,), {}), "the slot works again"
    assert instance.is_alive, "the kernel has not taken the supervisor, too"
    instance.end()
