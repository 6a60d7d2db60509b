"""The page of one job: its call, its course, how it ended, and what can be done with it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from zcasync.panel.frame import alert, badge, facts, page
from zcasync.panel.job import JobPage
from zcasync.panel.markup import Content, Html, address, tag
from zcasync.reports import running
from zcasync.reports.remarks import call_text, state_text, why
from zcasync.reports.words import kind_text
from zcasync.text import at, cut, span

#: So many of each are shown.
MOST_ARGUMENTS, MOST_ATTEMPTS, MOST_CALLBACKS = 50, 50, 200
#: Longer arguments and results are cut here.
VALUE_CHARACTERS = 2000
#: What is told after an act, by its outcome.
SAID = {
    "cancelled": "The job is cancelled.",
    "retried": "The job waits in its queue again.",
    "asked": "The supervisor was asked to end the job, and is still at it: look again soon.",
}


def job_page(
    found: JobPage, panel: str, hidden: dict[str, str], said: str | None, bad: str | None
) -> str:
    """Return the page.

    ``panel``: the address of the list; ``hidden``: the fields of forms that show that they come
    from here; ``said``: what came of an act, see ``SAID``; ``bad``: why nothing did.
    """
    job = found.job
    told = [alert("good", SAID[said])] if said in SAID else []
    told += [alert("bad", bad)] if bad else []
    state = "failed" if job["failure"] else state_text(job)
    if "cancelled by" in (job["ending"] or ""):
        state = "cancelled"
    title = tag("h1", call_text(job) or job["id"])
    return page(
        f"Job {job['id']}",
        panel,
        *told,
        tag("div", badge(state), tag("code", job["id"]), class_="over"),
        title,
        _acts(found, panel, hidden),
        facts(_course(job, panel)),
        *_problem(job),
        *_values(job),
        *_failure(job),
        *_attempts(job),
        *_callbacks(job, panel),
        *_transactions(job),
    )


def _acts(found: JobPage, panel: str, hidden: dict[str, str]) -> Html:
    """Return the forms for what can be done."""
    forms = []
    if found.can_retry:
        forms.append(_form(found, panel, hidden, "retry", "Retry", "good"))
    if found.can_cancel and not found.is_at_work:
        forms.append(_form(found, panel, hidden, "cancel", "Cancel", "bad"))
    elif found.can_cancel:
        sure = tag("p", "Its process is killed if it is in the middle of the call.")
        form = _form(found, panel, hidden, "cancel", "Cancel the running job", "bad")
        forms.append(tag("details", tag("summary", "Cancel"), sure, form))
    return tag("div", *forms, class_="acts")


def _form(
    found: JobPage, panel: str, hidden: dict[str, str], act: str, title: str, kind: str
) -> Html:
    fields = {**hidden, "job": found.job["id"], "act": act}
    inputs = [tag("input", type="hidden", name=name, value=value) for name, value in fields.items()]
    button = tag("button", title, class_=kind)
    return tag("form", *inputs, button, method="post", action=panel)


def _course(job: dict[str, Any], panel: str) -> list[tuple[str, Content]]:
    """Return where, when, for whom and how often it is performed."""
    by = job["begin_by_seconds"]
    return [
        ("Why", job.get("reason")),
        ("In short", _in_short(job["ending"])),
        ("Function", job["callable"]),
        ("Queue", job["queue"]),
        ("Priority", str(job["priority"]) if job["priority"] else None),
        ("Remembers", _remembered(job["context"])),
        ("Begin after", at(job["begin_after"])),
        ("Begin by", None if by is None else f"{span(by)} later"),
        ("Begun", at(job["started"])),
        ("Ended", at(job["ended"])),
        ("Took", _took(job)),
        ("Progress", running.text(job["progress"], job["ended"] is not None)),
        ("Time limits", running.job_limits_text(job)),
        ("Waits for", _link(job["waits_for"], panel) or running.wait_text(job.get("wait"))),
        ("Set aside", _aside(job["set_aside"])),
        ("Worker", job["worker"]),
        ("At work in", job.get("process") and f"process {job['process']}"),
        ("Attempts", job["attempts"] or None),
        ("Conflicts", job["counts"]["conflicts"] or None),
        ("Interrupted", job["interruptions"] or None),
        ("Exceptions", job["counts"]["exceptions"] or None),
        ("Snoozes", job["snoozes"] or None),
        ("Retry policy", job["retry"]),
        ("Callback of", _link(job["callback_of"], panel)),
    ]


def _in_short(ending: str | None) -> str | None:
    """Return how a call was ended by others; its own exception is shown below."""
    return None if ending is None or ending.startswith("failed: ") else ending


def _link(job: str | None, panel: str) -> Html | None:
    return None if job is None else tag("a", job, href=address(panel, job=job))


def _remembered(context: dict[str, Any] | None) -> str | None:
    return cut(", ".join(f"{name} {value}" for name, value in (context or {}).items())) or None


def _aside(found: dict[str, Any] | None) -> str | None:
    return None if found is None else f"since {at(found['since'])}, until {at(found['until'])}"


def _took(job: dict[str, Any]) -> str | None:
    if not job["started"] or not job["ended"]:
        return None
    took = datetime.fromisoformat(job["ended"]) - datetime.fromisoformat(job["started"])
    return span(took.total_seconds())


def _problem(job: dict[str, Any]) -> list[Html]:
    return [alert("bad", job["problem"])] if job["problem"] else []


def _values(job: dict[str, Any]) -> Iterator[Html]:
    """Yield the arguments and the result."""
    given = [(str(number), value) for number, value in enumerate(job["args"], 1)]
    given += job["kwargs"].items()
    if given:
        shown: list[tuple[str, Content]] = [
            (cut(name), _code(value)) for name, value in given[:MOST_ARGUMENTS]
        ]
        yield tag("section", tag("h2", "Arguments"), facts(shown), _more(given, MOST_ARGUMENTS))
    if job["result_repr"] is not None and job["failure"] is None:
        yield tag("section", tag("h2", "Result"), _code(job["result_repr"]))


def _code(value: str) -> Html:
    return tag("code", cut(value, VALUE_CHARACTERS))


def _more(listed: list[Any], most: int) -> Html | None:
    return tag("p", f"And {len(listed) - most:,} more.") if len(listed) > most else None


def _failure(job: dict[str, Any]) -> Iterator[Html]:
    """Yield what it failed with, at last."""
    failure = job["failure"] or (None if job["ended"] else job["last_failure"])
    if failure is None:
        return
    title = "Failure" if job["failure"] else "Last failure"
    said = f"{kind_text(failure['type'])}: {failure['message']}"
    evidence: list[tuple[str, Content]] = [
        (name, cut(str(value)))
        for name, value in failure["evidence"].items()
        if value is not None and name != "output"  # that is part of the traceback
    ]
    yield tag(
        "section",
        tag("h2", title),
        tag("p", cut(said, VALUE_CHARACTERS), class_="said"),
        facts(evidence) if evidence else None,
        tag("pre", failure["traceback"], tabindex="0") if failure["traceback"] else None,
    )


def _attempts(job: dict[str, Any]) -> Iterator[Html]:
    """Yield the failed attempts that another one has followed or will, the newest first."""
    history = job["attempts_history"][::-1]
    if history:
        items = [
            tag("li", tag("time", at(one["time"])), " ", cut(why(one)), *_rule(one["rule"]))
            for one in history[:MOST_ATTEMPTS]
        ]
        more = _more(history, MOST_ATTEMPTS)
        yield tag("section", tag("h2", "Earlier attempts"), tag("ul", *items), more)


def _rule(told: str) -> list[Content]:
    """Return what has decided that another attempt follows."""
    return [" (", cut(told), ")"] if told else []


def _callbacks(job: dict[str, Any], panel: str) -> Iterator[Html]:
    """Yield the callbacks, those of callbacks below them."""
    listed = list(_flat(job["callbacks"], 0))
    if listed:
        items = [
            tag(
                "li",
                badge("failed" if one["failure"] else one["state"]),
                " ",
                tag("a", one["id"], href=address(panel, job=one["id"])),
                " ",
                call_text(one),
                class_=f"depth{min(depth, 5)}",
            )
            for one, depth in listed[:MOST_CALLBACKS]
        ]
        more = _more(listed, MOST_CALLBACKS)
        yield tag("section", tag("h2", "Callbacks"), tag("ul", *items, class_="callbacks"), more)


def _transactions(job: dict[str, Any]) -> Iterator[Html]:
    """Yield what it has committed, the newest first, as far as that is known."""
    found = job["transactions"][::-1]
    if found:
        items = [
            tag("li", tag("time", at(one["time"])), " ", tag("code", one["tid"]), " ", _about(one))
            for one in found[:MOST_ATTEMPTS]
        ]
        more = _more(found, MOST_ATTEMPTS)
        yield tag("section", tag("h2", "Committed transactions"), tag("ul", *items), more)


def _about(one: dict[str, Any]) -> str:
    user = f", by {one['user']}" if one["user"] else ""
    return f"attempt {one['attempt']} in {one['database']}{user}"


def _flat(callbacks: list[dict[str, Any]], depth: int) -> Iterator[tuple[dict[str, Any], int]]:
    for one in callbacks:
        yield one, depth
        yield from _flat(one["callbacks"], depth + 1)
