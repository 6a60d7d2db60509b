"""The counter of the cgroup that tells who was killed for want of memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from zcasync.supervisor.children.oom import OutOfMemory, counter_file

V2_MOUNT = "31 23 0:28 {root} {point} rw,relatime shared:9 - cgroup2 cgroup2 rw"
V1_MOUNT = "35 31 0:32 {root} {point} rw,relatime - cgroup cgroup rw,memory"
OTHER_MOUNT = "36 31 0:33 / {point} rw,relatime - cgroup cgroup rw,devices"
UNRELATED = "22 1 8:1 / / rw - ext4 /dev/root rw"


class Machine:
    """The files of a process and of its cgroup."""

    def __init__(self, folder: Path) -> None:
        self.process = folder / "self"
        self.point = folder / "cgroup"
        self.process.mkdir()
        self.counter: Path | None = None

    def has(self, cgroups: list[str], mounts: list[str], root: str = "/") -> None:
        (self.process / "cgroup").write_text("\n".join(cgroups) + "\n")
        lines = [line.format(root=root, point=self.point) for line in [UNRELATED, *mounts]]
        (self.process / "mountinfo").write_text("\n".join(lines) + "\n")

    def counts(self, name: str, kills: int) -> None:
        self.counter = self.point / name
        self.counter.parent.mkdir(parents=True, exist_ok=True)
        self.counter.write_text(f"low 5\noom 9\noom_kill {kills}\noom_group_kill 7\n")


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_unified_hierarchy_counts_in_memory_events(machine: Machine) -> None:
    machine.has(["0::/app.slice/zcasync.service"], [V2_MOUNT])
    machine.counts("app.slice/zcasync.service/memory.events", 0)

    assert counter_file(machine.process) == machine.counter


def test_the_old_hierarchy_counts_in_oom_control(machine: Machine) -> None:
    machine.has(["5:devices:/", "4:cpu,memory:/jobs", "0::/"], [V2_MOUNT, OTHER_MOUNT, V1_MOUNT])
    machine.counts("jobs/memory.oom_control", 0)

    assert counter_file(machine.process) == machine.counter


def test_a_container_sees_a_part_of_the_hierarchy(machine: Machine) -> None:
    machine.has(["0::/docker/abc/inner"], [V2_MOUNT], root="/docker/abc")
    machine.counts("inner/memory.events", 0)

    assert counter_file(machine.process) == machine.counter


def test_a_group_outside_of_the_mount_is_not_looked_for_there(machine: Machine) -> None:
    machine.has(["0::/docker/abcdef"], [V2_MOUNT], root="/docker/abc")
    machine.counts("def/memory.events", 0)

    assert counter_file(machine.process) is None


def test_a_machine_without_a_counter_reports_no_lack_of_memory(machine: Machine) -> None:
    assert counter_file(machine.process) is None
    assert not OutOfMemory(machine.process).has_killed()


def test_this_machine_can_be_asked(tmp_path: Path) -> None:
    assert not OutOfMemory().has_killed()


# the counter


@pytest.fixture
def counting(machine: Machine) -> OutOfMemory:
    machine.has(["0::/"], [V2_MOUNT])
    machine.counts("memory.events", 3)
    return OutOfMemory(machine.process)


def test_a_kill_explains_one_death_only(machine: Machine, counting: OutOfMemory) -> None:
    assert not counting.has_killed(), "those were before our time"

    machine.counts("memory.events", 5)
    assert [counting.has_killed() for _ in range(3)] == [True, True, False]


def test_a_kill_explains_no_death_that_comes_much_later(
    machine: Machine, counting: OutOfMemory
) -> None:
    machine.counts("memory.events", 4)
    counting.look()
    counting.look()

    assert not counting.has_killed()


def test_a_process_with_much_memory_may_take_a_moment_to_end(
    machine: Machine, counting: OutOfMemory
) -> None:
    machine.counts("memory.events", 4)
    counting.look()
    assert counting.has_killed()

    counting.look()
    assert not counting.has_killed()


def test_a_counter_that_is_gone_has_not_grown(machine: Machine, counting: OutOfMemory) -> None:
    assert machine.counter is not None
    machine.counter.unlink()
    assert not counting.has_killed()
