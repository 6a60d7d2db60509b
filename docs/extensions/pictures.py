"""The pictures of the processes and of the states of a job: ``make pictures`` writes them.

The states and their changes are those of the product's own table, so the picture cannot show
others; a change that has no words here is an error.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from html import escape
from pathlib import Path

from zcasync.interfaces import ACTIVE, CALLBACKS, COMPLETED, PENDING
from zcasync.job.record import TRANSITIONS

DARK, LIGHT, WARM = "#1f4e79", "#f3f7fb", "#c8641e"
PAGE = """\
<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" \
font-family="DejaVu Sans, Helvetica, Arial, sans-serif" font-size="12">
<title>{title}</title>
<defs><marker id="to" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="8" markerHeight="8" \
orient="auto-start-reverse"><path d="M0 0 L10 5 L0 10 z" fill="{dark}"/></marker></defs>
<rect width="{width}" height="{height}" fill="#ffffff"/>
{body}
</svg>
"""

#: Where the box of a state is, and what the state means.
STATES = {
    PENDING: (20, ("waits to be claimed,", "or for another try")),
    ACTIVE: (226, ("claimed: runs, is about to,", "or waits for a result")),
    CALLBACKS: (432, ("has its result;", "callbacks are run")),
    COMPLETED: (638, ("has its result; kept", "for 7 days")),
}
#: The line of a change of state, where its words are, and the words.
CHANGES = {
    (PENDING, ACTIVE): ("M172 142 H222", (197, 134), "claimed"),
    (ACTIVE, PENDING): ("M226 170 H176", (199, 186), "again"),
    (ACTIVE, CALLBACKS): ("M378 155 H428", (403, 147), "ended"),
    (CALLBACKS, COMPLETED): ("M584 155 H634", (609, 147), "done"),
    (ACTIVE, COMPLETED): (
        "M302 194 C342 250 664 250 704 198",
        (503, 254),
        "ended, and there are no callbacks",
    ),
    (PENDING, CALLBACKS): (
        "M106 116 C146 76 458 76 498 112",
        (302, 80),
        "cancelled, or too late to begin",
    ),
    (PENDING, COMPLETED): (
        "M86 116 C126 26 674 26 714 112",
        (400, 42),
        "cancelled, or too late, and there are no callbacks",
    ),
}


def states() -> str:
    """Return the picture of a job's states.  Raises KeyError for a change without words."""
    changes = [(one, other) for one, others in TRANSITIONS.items() for other in sorted(others)]
    body = [_box(x, 116, 152, 78, state, words) for state, (x, words) in STATES.items()]
    for change in changes:
        path, place, words = CHANGES[change]
        body += [_line(path), _text(place, words, DARK)]
    again = "again: its process has died, or its retry policy says so"
    body.append(_text((20, 292), again, WARM, anchor="start"))
    return _page("The states of a job", 810, 306, body)


def processes() -> str:
    """Return the picture of the processes and of what goes between them."""
    body = [
        _box(20, 30, 190, 92, "application", ("puts calls, commits,", "waits for results")),
        _box(
            300,
            30,
            210,
            92,
            "supervisor",
            ("zcasync run", "claims, dispatches, cleans up;", "runs reactor jobs"),
        ),
        _box(604, 22, 186, 92, "", ()),
        _box(596, 30, 186, 92, "children", ("a thread job at a time;", "may die at any moment")),
        _box(
            20,
            232,
            762,
            70,
            "database: ZEO server, RelStorage, ...",
            ("the data, the queues, who has claimed what, the results",),
        ),
        _line("M115 122 V228", both=True),
        _text((124, 180), "put and commit", DARK, anchor="start"),
        _line("M405 122 V228", both=True),
        _text((414, 180), "claims; wakes at commits", DARK, anchor="start"),
        _line("M689 122 V228", both=True),
        _text((698, 172), "effects, result and", DARK, anchor="start"),
        _text((698, 188), "state: one commit", DARK, anchor="start"),
        _line("M510 76 H592", both=True),
        _text((551, 68), "pipes", DARK),
    ]
    return _page("The processes of zcasync", 824, 322, body)


def hosts() -> str:
    """Return the picture of the hosts and of what goes between them."""
    body: list[str] = []
    for shift in (10, 0):  # there are several of these
        body += [
            _box(20 + shift, 30 - shift + 10, 210, 92, "web host", _WEB if not shift else ()),
            _box(20 + shift, 182 - shift + 10, 210, 92, "worker host", _WORK if not shift else ()),
        ]
    body += [
        _box(560, 98, 230, 120, "database's host", _STORAGE),
        _line("M240 80 C400 80 440 136 556 140", both=True),
        _text((400, 76), "puts, results", DARK),
        _line("M240 232 C400 232 440 178 556 174", both=True),
        _text((400, 248), "claims, effects, results", DARK),
        _text((398, 162), "TLS, a certificate for each host", WARM),
    ]
    return _page("The hosts of a site", 824, 302, body)


_WEB = ("the application: puts calls,", "waits for results")
_WORK = ("a home, its supervisor, children;", "or several homes")
_STORAGE = (
    "ZEO server, the database's files;",
    "the only one that listens:",
    "workers need not reach",
    "each other",
)


def _page(title: str, width: int, height: int, body: Iterable[str]) -> str:
    lines = "\n".join(body)
    return PAGE.format(title=title, width=width, height=height, body=lines, dark=DARK)


def _box(x: int, y: int, width: int, height: int, name: str, words: tuple[str, ...]) -> str:
    middle = x + width // 2
    lines = [
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="{LIGHT}" '
        f'stroke="{DARK}" stroke-width="1.5"/>',
        _text((middle, y + 26), name, "#222222", bold=True),
    ]
    for number, one in enumerate(words):
        lines.append(_text((middle, y + 46 + 16 * number), one, "#222222", size=11))
    return "\n".join(lines)


def _line(path: str, both: bool = False) -> str:
    start = ' marker-start="url(#to)"' if both else ""
    return f'<path d="{path}" fill="none" stroke="{DARK}"{start} marker-end="url(#to)"/>'


def _text(
    place: tuple[int, int],
    words: str,
    colour: str,
    *,
    anchor: str = "middle",
    bold: bool = False,
    size: int = 12,
) -> str:
    weight = ' font-weight="bold"' if bold else ""
    x, y = place
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}" font-size="{size}"{weight}>'
        f"{escape(words)}</text>"
    )


#: The files and what draws them.
PICTURES = {"states.svg": states, "processes.svg": processes, "hosts.svg": hosts}


def main(folder: Path) -> None:
    """Write all pictures into a folder."""
    for name, draw in PICTURES.items():
        (folder / name).write_text(draw())


if __name__ == "__main__":
    main(Path(sys.argv[1]))
