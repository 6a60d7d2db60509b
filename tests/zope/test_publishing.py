"""Zope's publisher finds no way to what zcasync has stored, whoever asks."""

from __future__ import annotations

from itertools import product

import pytest

from tests.zope.probes import SECRET, USERS, Answer, Probe, Visit, ask, let_in, needs_zope

pytestmark = needs_zope

CLAIM = """\
<methodCall>
  <methodName>thread.claim</methodName>
  <params>
    <param><value><string>anybody</string></value></param>
    <param><value><int>1000</int></value></param>
  </params>
</methodCall>
"""
#: Paths, with a query, that were answered before classes refused.
OPEN = {
    "the data manager": Visit("", "/manager"),
    "a queue": Visit("", "/manager/thread"),
    "a queue by its name": Visit("", "/manager/queue", "name=thread"),
    "an empty queue": Visit("", "/manager/reactor"),
    "claim": Visit("", "/manager/thread/claim", "worker=anybody&limit:int=1000"),
    "claim by POST": Visit("", "/manager/thread/claim", "worker=any&limit:int=9", method="POST"),
    "claim by XML-RPC": Visit("", "/manager", method="POST", body=CLAIM),
    "lanes": Visit("", "/manager/thread/lanes"),
    "the workers": Visit("", "/manager/workers"),
    "a call": Visit("", "/job"),
    "a call by XML-RPC": Visit(
        "", "/", method="POST", body=CLAIM.replace("thread.claim", "job").replace("1000", "1")
    ),
    "arguments": Visit("", "/job/args"),
    "keyword arguments": Visit("", "/job/kwargs"),
    "annotations": Visit("", "/job/annotations"),
    "selected workers": Visit("", "/job/selectedUUIDs"),
    "a callable": Visit("", "/job/callable"),
    "a failure": Visit("", "/done/result"),
    "forgive": Visit("", "/job/forgive"),
    "begin_once": Visit("", "/job/begin_once"),
    "leave": Visit("", "/job/leave"),
    "delay": Visit("", "/job/delay", "microseconds:int=1000"),
    "start": Visit("", "/job/start"),
    "rewrite": Visit("", "/job/rewrite"),
    "a private document among arguments": Visit("", "/job/kwargs/document"),
    "a method of it": Visit("", "/job/kwargs/document/index_html"),
    "a document at the end of a view's path": Visit("", "/@@lookup/job/kwargs/document"),
    "a result at the end of a view's path": Visit("", "/@@lookup/shown/result"),
    "claim at the end of a view's path": Visit(
        "", "/@@lookup/manager/thread/claim", "worker=anybody&limit:int=1000"
    ),
    "a job that a view leads to": Visit("", "/@@lookup/job"),
    "what a view is of": Visit("", "/job/@@details/context/args"),
    "an attribute by its namespace": Visit("", "/++attribute++manager/++attribute++thread"),
    "a private name": Visit("", "/job/++attribute++_call"),
    "a tree of ours": Visit("", "/manager/++attribute++thread/++attribute++_lanes"),
}
#: What was closed before too, but for want of a docstring, or of an item with this name.
CLOSED = {
    "pull": Visit("", "/manager/thread/pull"),
    "pullNext": Visit("", "/manager/thread/pullNext", "uuid=x"),
    "put": Visit("", "/manager/thread/put", "item=x"),
    "fail": Visit("", "/job/fail"),
    "a value of the workers": Visit("", "/manager/workers/values"),
    "an argument": Visit("", "/job/args/0"),
    "a result": Visit("", "/manager/workers/completed"),
}
BY_NAME = OPEN | CLOSED


def visit(user: str, name: str) -> Visit:
    """The visit with this name by a user."""
    one = BY_NAME[name]
    return Visit(user, one.path, one.query, one.method, one.body)


DOCUMENT = {user: Visit(user, "/private/document") for user in USERS}
DETAILS = Visit("anonymous", "/job/@@details")
EMERGENCY = [visit("emergency", name) for name in BY_NAME]


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[Probe, Answer]:
    """What the site says."""
    visits = [visit(*case) for case in product(USERS, BY_NAME)]
    return ask(tmp_path_factory.mktemp("site"), [*visits, *DOCUMENT.values(), DETAILS, *EMERGENCY])


@pytest.mark.parametrize("name", BY_NAME)
def test_no_visitor_member_or_manager_gets_what_zcasync_has_stored(
    answers: dict[Probe, Answer], name: str
) -> None:
    found = {user: answers[visit(user, name)] for user in USERS}

    assert let_in(found) == {}


def test_nor_does_the_emergency_user_who_passes_every_check_of_roles(
    answers: dict[Probe, Answer],
) -> None:
    assert let_in({one: answers[one] for one in EMERGENCY}) == {}


def test_the_site_shows_its_own_document_to_those_who_may_see_it(
    answers: dict[Probe, Answer],
) -> None:
    """So a refusal is not that of a site that answers nobody."""
    found = {user: answers[one] for user, one in DOCUMENT.items()}

    assert (found["manager"].outcome, found["manager"].text) == ("200 OK", SECRET)
    assert found["anonymous"].is_refusal
    assert found["member"].is_refusal


def test_a_view_that_the_application_has_for_jobs_answers(answers: dict[Probe, Answer]) -> None:
    """It is trusted code, and has a permission of its own."""
    assert (answers[DETAILS].outcome, answers[DETAILS].text) == ("200 OK", "pending")
