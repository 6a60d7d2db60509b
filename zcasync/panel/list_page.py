"""The page with the list of jobs."""

from __future__ import annotations

from typing import Any

from zcasync.panel.frame import alert, badge, page
from zcasync.panel.listing import KINDS, MOST_LOOKED_AT, Listing
from zcasync.panel.markup import Html, address, join, tag
from zcasync.reports.remarks import call_text, remark, state_text, when
from zcasync.text import ago, span

NOTHING = "There are no such jobs."
NO_MANAGER = (
    "This database has no data manager yet: jobs can be put when a supervisor was started once, "
    "or when the application has installed it."
)


def list_page(found: Listing, panel: str, why: str) -> str:
    """Return the page.  ``panel``: its address; ``why``: the supervisor cannot be reached."""
    parts: list[Html] = []
    if found.queues is None:
        return page("Jobs", panel, tag("h1", "Jobs"), alert("note", NO_MANAGER))
    if why:
        parts.append(_unreached(why))
    parts += [_tabs(found, panel), _search(found, panel), _jobs(found, panel)]
    parts += [_paging(found, panel), _queues(found, panel), _workers(found)]
    return page("Jobs", panel, tag("h1", "Jobs", class_="unseen"), *parts)


def _unreached(why: str) -> Html:
    return alert(
        "note",
        f"The supervisor does not answer here: {why}. Jobs that wait can be cancelled and those "
        "that are over retried; what runs cannot be stopped from this page.",
    )


def _tabs(found: Listing, panel: str) -> Html:
    choice = found.choice
    links = []
    for kind, (title, _) in KINDS.items():
        count = found.count(kind)
        number = None if count is None else tag("b", f"{count:,}")
        links.append(
            tag(
                "a",
                title,
                number,
                href=address(panel, **choice.as_query(kind=kind, page=1)),
                class_=kind if count else None,
                aria_current="page" if kind == choice.kind else None,
            )
        )
    return tag("nav", *links, aria_label="Kinds of jobs", class_="tabs")


def _search(found: Listing, panel: str) -> Html:
    field = tag(
        "input",
        name="call",
        type="search",
        value=found.choice.call or "",
        placeholder="A function's name, or a job's ID",
        aria_label="A function's name, or a job's ID",
    )
    kind = tag("input", type="hidden", name="kind", value=found.choice.kind)
    return tag("form", kind, field, tag("button", "Find"), action=panel, class_="search")


def _jobs(found: Listing, panel: str) -> Html:
    if not found.jobs:
        return tag("p", NOTHING, class_="nothing")
    head = tag("tr", *(tag("th", one, scope="col") for one in ("Job", "State", "Call", "When", "")))
    rows = [_row(one, panel) for one in found.jobs]
    return tag("table", tag("thead", head), tag("tbody", *rows), class_="jobs")


def _row(one: dict[str, Any], panel: str) -> Html:
    link = tag("a", one["id"], href=address(panel, job=one["id"]))
    state = "failed" if _is_failed(one) else state_text(one)
    if "cancelled by" in (one.get("ending") or ""):
        state = "cancelled"
    return tag(
        "tr",
        tag("td", link, class_="id"),
        tag("td", badge(state)),
        tag("td", call_text(one), class_="call"),
        tag("td", when(one), class_="when"),
        tag("td", remark(one).removeprefix("failed: "), class_="remark"),
    )


def _is_failed(one: dict[str, Any]) -> bool:
    return bool(one.get("failure")) and one.get("state") in ("completed", "callbacks")


def _paging(found: Listing, panel: str) -> Html:
    choice, links = found.choice, []
    if choice.page > 1:
        before = address(panel, **choice.as_query(page=choice.page - 1))
        links.append(tag("a", "Previous", href=before, rel="prev"))
    if found.has_more:
        links.append(tag("a", "Next", href=address(panel, **choice.as_query(page=choice.page + 1))))
    cut = f"This page looks at the first {MOST_LOOKED_AT:,} jobs of a kind; there may be more."
    told = tag("span", cut) if found.is_cut else None
    return tag("nav", *links, told, class_="paging") if links or told else Html()


def _queues(found: Listing, panel: str) -> Html:
    titles = ("Queue", "Due", "Held", "Set aside", "Oldest due")
    rows = []
    for name, one in (found.queues or {}).items():
        oldest = one["oldest_due"]
        cells = (name, f"{one['due']:,}", f"{one['held']:,}", f"{one['set_aside']:,}")
        rows.append([*cells, None if oldest is None else _oldest(oldest, panel)])
    missing = [
        alert("note", f"{_so_many(one['jobs'], name)} set aside: no worker has {one['name']}.")
        for name, queue in (found.queues or {}).items()
        for one in queue["missing"]
    ]
    return tag("section", tag("h2", "Queues"), *missing, _table(titles, rows))


def _so_many(count: int, queue: str) -> str:
    return f"1 {queue} job is" if count == 1 else f"{count:,} {queue} jobs are"


def _oldest(oldest: dict[str, Any], panel: str) -> Html:
    link = tag("a", oldest["id"], href=address(panel, job=oldest["id"]))
    return join(link, f", for {span(oldest['seconds'])}")


def _workers(found: Listing) -> Html:
    if not found.workers:
        return tag("section", tag("h2", "Workers"), tag("p", "No worker has served this database."))
    titles = ("Worker", "Engine", "Last ping", "Thread", "Reactor", "Completed", "")
    rows = [
        [
            one["uuid"][:8],
            badge(one["verdict"]),
            ago(one["last_ping"]),
            _share(one["thread"]),
            _share(one["reactor"]),
            f"{one['completed']:,}",
            one["reason"],
        ]
        for one in found.workers
    ]
    more = tag("p", "There are more.") if found.has_more_workers else None
    return tag("section", tag("h2", "Workers"), _table(titles, rows), more)


def _share(claims: dict[str, Any]) -> str:
    return f"{claims['len']} of {claims['size']}"


def _table(titles: tuple[str, ...], rows: list[list[Any]]) -> Html:
    head = tag("tr", *(tag("th", one, scope="col") for one in titles))
    body = [
        tag(
            "tr",
            *(tag("td", cell, data_title=title) for title, cell in zip(titles, row, strict=True)),
        )
        for row in rows
    ]
    return tag("table", tag("thead", head), join(tag("tbody", *body)), class_="small")
