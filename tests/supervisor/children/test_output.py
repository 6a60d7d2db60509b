"""The output of a child in the log: split, attributed to jobs, limited."""

from __future__ import annotations

import random

import pytest

from tests.support.scenes import Said
from zcasync.protocol.output_marks import new_mark
from zcasync.supervisor.children.output import LAST_LINES, LINE_LIMIT_CHARACTERS, ChildOutput

OUT, ERR = 1, 2
LIMIT = 5
MARK = new_mark()


def mark(job: str) -> bytes:
    return f"{MARK}{job}\n".encode()


class Current:
    """The job that the child is at."""

    job: str | None = None

    def __call__(self) -> str | None:
        return self.job


@pytest.fixture
def current() -> Current:
    return Current()


@pytest.fixture
def lines(current: Current) -> ChildOutput:
    made = ChildOutput(3, LIMIT, current)
    made.mark = MARK.encode()
    return made


def test_each_line_is_logged_with_slot_and_job(lines: ChildOutput, said: Said) -> None:
    lines.received(OUT, mark("0x1") + b"one\ntwo\n")

    assert said.lines == ["child 3 job 0x1: one", "child 3 job 0x1: two"]


def test_a_line_may_come_in_pieces_even_within_a_character(lines: ChildOutput, said: Said) -> None:
    for byte in mark("0x1") + "süß\n".encode():
        assert said.lines == []
        lines.received(OUT, bytes([byte]))

    assert said.lines == ["child 3 job 0x1: süß"]


def test_each_stream_has_its_own_mark_and_its_own_unfinished_line(
    lines: ChildOutput, said: Said
) -> None:
    lines.received(OUT, mark("0x1") + b"o")
    lines.received(ERR, mark("0x2") + b"e")
    lines.received(OUT, b"ut\n")
    lines.received(ERR, b"rr\n")

    assert said.lines == ["child 3 job 0x1: out", "child 3 job 0x2: err"]


def test_a_line_without_a_mark_belongs_to_the_running_job(
    lines: ChildOutput, current: Current, said: Said
) -> None:
    lines.received(OUT, b"boot\n")
    current.job = "0x7"
    lines.received(OUT, b"from C\n")

    assert said.lines == ["child 3 job -: boot", "child 3 job 0x7: from C"]


def test_a_job_that_has_ended_gets_no_more_lines(lines: ChildOutput, said: Said) -> None:
    lines.received(OUT, mark("0x1") + b"mine\n")
    lines.received(ERR, mark("0x2"))
    lines.job_ended("0x1")
    lines.received(OUT, b"nobody's\n")
    lines.received(ERR, b"the other's\n")

    assert said.lines[1:] == ["child 3 job -: nobody's", "child 3 job 0x2: the other's"]


def test_a_job_that_prints_much_is_cut_short_with_a_count(lines: ChildOutput, said: Said) -> None:
    lines.received(OUT, mark("0x1") + b"line\n" * 1000)
    assert len(said.lines) == LIMIT

    lines.job_ended("0x1")
    assert said.lines[LIMIT:] == [
        "child 3 job 0x1: 995 more lines are not shown (output-lines 5)",
    ]


def test_the_next_job_may_print_as_much_again(lines: ChildOutput, said: Said) -> None:
    for job in ("0x1", "0x2"):
        lines.received(OUT, mark(job) + b"line\n" * LIMIT)
        lines.job_ended(job)

    assert len(said.about("0x1: line")) == len(said.about("0x2: line")) == LIMIT
    assert not said.about("not shown")


def test_the_last_lines_are_kept_for_evidence_though_they_are_not_logged(
    lines: ChildOutput,
) -> None:
    text = b"".join(b"%d\n" % number for number in range(1000))
    lines.received(OUT, mark("0x1") + text)

    assert lines.last() == tuple(map(str, range(1000 - LAST_LINES, 1000)))


def test_an_unfinished_line_is_taken_at_the_end(lines: ChildOutput, said: Said) -> None:
    lines.received(OUT, b"all\nbut the en")
    lines.received(ERR, b"Segmentation fault")
    lines.flush()
    lines.flush()

    assert lines.last() == ("all", "but the en", "Segmentation fault")
    assert len(said.lines) == 3


def test_the_end_of_the_output_reports_what_was_left_out(lines: ChildOutput, said: Said) -> None:
    lines.received(OUT, mark("0x1") + b"line\n" * 7)
    lines.flush()

    assert said.about("not shown") == [
        "child 3 job 0x1: 2 more lines are not shown (output-lines 5)",
    ]


def test_a_line_without_an_end_takes_little_room(lines: ChildOutput, said: Said) -> None:
    for _ in range(200):
        lines.received(OUT, b"x" * 4096)

    assert sum(map(len, lines._rest.values())) <= 65536 + 4096
    assert said.lines[0] == "child 3 job -: " + "x" * LINE_LIMIT_CHARACTERS


def test_bytes_that_are_no_text_are_shown_as_such(lines: ChildOutput, said: Said) -> None:
    lines.received(OUT, b"\xff{slot}\n")

    assert said.lines == ["child 3 job -: \\xff{slot}"]


def test_a_stack_that_was_asked_for_is_kept_whole_and_its_end_is_noticed(
    lines: ChildOutput,
) -> None:
    seen: list[bool] = []
    lines.received(OUT, b"".join(b"%d\n" % number for number in range(50)))
    lines.expect_stack(lambda: seen.append(True))
    stack = [f"  line {number}" for number in range(60)]
    lines.received(ERR, "\n".join(stack).encode() + b"\n")
    assert seen == []

    lines.received(ERR, b"  line 198 in _run_module_as_main\n")
    lines.received(ERR, b"  line 198 in _run_module_as_main\n")
    assert seen == [True]
    assert lines.last()[LAST_LINES : LAST_LINES + 60] == tuple(stack)


def test_the_end_of_a_very_long_stack_is_noticed_too(lines: ChildOutput) -> None:
    seen: list[bool] = []
    lines.expect_stack(lambda: seen.append(True))
    lines.received(ERR, b"  line 1 in work\n" * 500 + b"  line 198 in _run_module_as_main\n")

    assert seen == [True]


@pytest.mark.parametrize("faked", ["\x00zcasync job 0x2", f"\x00zcasync {'0' * 32} job 0x2"])
def test_a_job_that_prints_the_mark_of_others_speaks_for_itself_only(
    lines: ChildOutput, said: Said, faked: str
) -> None:
    lines.received(OUT, mark("0x1") + f"{faked}\nmine\n".encode())

    assert said.lines == [f"child 3 job 0x1: {faked}", "child 3 job 0x1: mine"]


def test_before_a_child_has_told_its_mark_nothing_is_one(current: Current, said: Said) -> None:
    ChildOutput(3, LIMIT, current).received(OUT, mark("0x1") + b"boot\n")

    assert said.lines == [f"child 3 job -: {MARK}0x1", "child 3 job -: boot"]


def test_a_mark_counts_behind_a_line_that_has_no_end(
    lines: ChildOutput, current: Current, said: Said
) -> None:
    lines.received(OUT, mark("0x1") + b"no end")
    lines.job_ended("0x1")
    current.job = "0x2"
    lines.received(OUT, mark("0x2") + b"next\n")

    assert said.lines == ["child 3 job 0x1: no end", "child 3 job 0x2: next"]


@pytest.mark.parametrize("before", range(65536 - 60, 65536 + 4, 7))
def test_a_mark_counts_wherever_a_very_long_line_is_divided(
    lines: ChildOutput, said: Said, before: int
) -> None:
    text = mark("0x1") + b"x" * before + mark("0x2") + b"next\n"
    for start in range(0, len(text), 50):
        lines.received(OUT, text[start : start + 50])

    assert said.about("0x2") == ["child 3 job 0x2: next"]
    assert not said.about("\x00")


def test_the_evidence_of_a_death_names_the_lines_of_other_jobs(
    lines: ChildOutput, current: Current
) -> None:
    lines.received(OUT, b"boot\n" + mark("0x1") + b"the other\n")
    lines.job_ended("0x1")
    lines.received(OUT, mark("0x2") + b"mine\n")

    assert lines.last("0x2") == ("boot", "job 0x1: the other", "mine")


def test_a_crash_that_a_job_has_made_up_is_not_that_of_the_next_one(lines: ChildOutput) -> None:
    lines.received(ERR, mark("0x1") + b"Fatal Python error: faked\n" + b"stack\n" * 50)
    lines.job_ended("0x1")
    lines.received(ERR, mark("0x2") + b"mine\n")

    assert lines.last("0x2", has_crashed=False)[-2:] == ("job 0x1: stack", "mine")
    lines.received(ERR, b"Fatal Python error: Aborted\nmy stack\n")
    assert lines.last("0x2") == ("Fatal Python error: Aborted", "my stack")


# a job that prints without end

FLOOD = b"y\n" * 30_000


def test_what_is_beyond_the_limit_is_told_to_whoever_reads(lines: ChildOutput) -> None:
    assert not lines.received(OUT, mark("0x1") + b"line\n" * LIMIT)
    assert lines.received(OUT, b"line\n")
    assert not lines.received(ERR, mark("0x2") + b"the other stream\n")
    assert lines.received(OUT, b"line")
    assert not lines.received(OUT, b"\n" + mark("0x3") + b"line\n")


def test_a_line_without_an_end_reaches_the_limit_too(lines: ChildOutput) -> None:
    said = [lines.received(OUT, b"x" * 60_000) for _ in range(10)]

    assert said[0] is False
    assert said[-1] is True


@pytest.mark.parametrize("seed", range(20))
def test_a_flood_in_pieces_is_counted_to_the_line(
    lines: ChildOutput, said: Said, seed: int
) -> None:
    text = mark("0x1") + FLOOD + mark("0x2") + b"mine\n" + FLOOD + mark("0x3") + b"the third\n"
    draw = random.Random(seed)
    while text:
        size = draw.choice([1, 7, 4096, 65536])
        lines.received(OUT, text[:size])
        text = text[size:]
    for job in ("0x1", "0x2"):
        lines.job_ended(job)

    assert len(said.about("0x1: y")) == LIMIT
    assert said.about("0x2: ")[0] == "child 3 job 0x2: mine"
    assert said.about("not shown") == [
        f"child 3 job 0x1: {30_000 - LIMIT} more lines are not shown (output-lines {LIMIT})",
        f"child 3 job 0x2: {30_001 - LIMIT} more lines are not shown (output-lines {LIMIT})",
    ]
    assert said.about("0x3") == ["child 3 job 0x3: the third"]
    assert lines.last("0x3")[-1] == "the third"


def test_the_report_of_a_crash_within_a_flood_is_kept(lines: ChildOutput) -> None:
    lines.received(OUT, mark("0x1") + FLOOD)
    stack = [f"  line {number}" for number in range(60)]
    report = "\n".join(["Fatal Python error: Aborted", *stack]).encode()
    lines.received(OUT, FLOOD + report + b"\n")

    assert lines.last()[-61:] == ("Fatal Python error: Aborted", *stack)
    assert lines.last()[-62] == "y"


def test_the_end_of_a_stack_within_a_flood_is_noticed(lines: ChildOutput) -> None:
    seen: list[bool] = []
    lines.received(OUT, mark("0x1") + FLOOD)
    lines.expect_stack(lambda: seen.append(True))
    lines.received(OUT, FLOOD + b"  line 198 in _run_module_as_main\n" + FLOOD)

    assert seen == [True]
