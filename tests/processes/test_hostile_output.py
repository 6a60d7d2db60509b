"""What jobs print, as logs have it: attributed to them, and with nothing that acts on readers."""

from __future__ import annotations

import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path

from tests.jobs import hostile
from tests.support.gates import Gate
from tests.support.hostile import HOSTILE, acting, faked
from tests.support.instance import Client, Instance
from zcasync.job.ids import hex_oid

TWISTD = [
    sys.executable,
    "-c",
    "import sys; from twisted.scripts.twistd import run; sys.argv[0] = 'twistd'; run()",
]


def test_the_log_of_twistd_is_escaped(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance()
    options = ["--nodaemon", "--pidfile=", "zcasync", "--home", str(instance.home)]
    instance.launch([*TWISTD, *options]).wait_until_ready()
    client = instance.client
    for text in HOSTILE.values():
        for queue in ("thread", "reactor"):
            client.wait_for(client.put(hostile.complain, text, queue=queue))
    assert instance.stop() in (0, -signal.SIGTERM)  # twistd ends by the signal that stopped it

    shown = instance.output_file.read_bytes().decode()
    assert acting(shown, "\n\t") == set()
    assert faked(shown) == []
    assert r"a\x00\x01" in shown


def test_a_job_cannot_print_lines_that_are_taken_for_another_jobs(
    common: Instance, client: Client
) -> None:
    others = hex_oid(b"\0" * 6 + b"\x12\x34")
    partial = client.put(hostile.print_old_mark, others)
    client.wait_for(partial)
    after = client.put(hostile.print_unfinished, "and this is whose?")
    client.wait_for(after)
    client.wait_for(client.put(hostile.say, "the next job"))

    lines = common.log.splitlines()
    assert not [line for line in lines if f"job {others}: " in line]
    (spoken,) = [line for line in lines if line.endswith(": as another job")]
    assert f"job {hex_oid(partial._p_oid)}: " in spoken
    for line in [line for line in lines if line.endswith("whose?")]:
        assert f"job {hex_oid(after._p_oid)}: " in line


def test_the_secret_of_a_childs_marks_is_in_nothing_that_others_read(
    common: Instance, client: Client, gate: Gate
) -> None:
    mark = client.wait_for(client.put(hostile.mark_of_this_child))
    secret = re.fullmatch("\0zcasync ([0-9a-f]{32}) job ", mark)
    assert secret is not None
    for pid in (common.pid, *common.child_pids()):
        process = Path("/proc") / str(pid)
        for name in ("cmdline", "environ"):
            assert secret[1].encode() not in (process / name).read_bytes()
    assert secret[1] not in common.log + common.output
    seen = client.wait_for(client.put(hostile.what_a_process_of_mine_sees))
    assert secret[1] not in seen
