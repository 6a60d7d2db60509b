"""``python -m tests.meetings``: print the table of ``zcasync.meetings`` as it is found."""

from __future__ import annotations

import sys

from tests.meetings.meeting import meet
from tests.meetings.operations import OPERATIONS
from zcasync.meetings import LETTERS

NAMES = list(OPERATIONS)
NUMBERS = range(1, len(NAMES) + 1)


def main() -> int:
    """Make every pair; return how many leave something wrong behind."""
    letters = {name: letter for letter, name in LETTERS.items()}
    faults = []
    margin = " " * 23
    print(margin + "".join(str(number // 10 or " ") for number in NUMBERS))
    print(margin + "".join(str(number % 10) for number in NUMBERS))
    for number, first in zip(NUMBERS, NAMES, strict=True):
        row = []
        for second in NAMES:
            where, wrong = meet(first, second)
            row.append(letters[where])
            faults += [f"{first}, {second}: {one}" for one in wrong]
        print(f"{number:2} {first:<20}{''.join(row)}", flush=True)
    print()
    print("; ".join(f"{letter} {name}" for letter, name in LETTERS.items() if name))
    print("\n".join(faults) or "Every job was in its one place afterwards.")
    return len(faults)


if __name__ == "__main__":
    sys.exit(main())
