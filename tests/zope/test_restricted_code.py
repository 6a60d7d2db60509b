"""Code that people write through the web reaches nothing of zcasync, whoever runs it."""

from __future__ import annotations

from itertools import product

import pytest

from tests.zope.probes import (
    SECRET,
    USERS,
    Answer,
    Probe,
    Script,
    Visit,
    Walk,
    ask,
    let_in,
    needs_zope,
)

pytestmark = needs_zope

#: What was let through before classes refused.
OPEN = {
    "an attribute of the application": "answer = site.manager",
    "a job of the application": "answer = site.job",
    "one of a list": "answer = site.jobs[0]",
    "a path": "answer = site.restrictedTraverse('manager')",
    "a loop": "answer = [one for one in several]",
    "unpacking": "answer, other = several",
    "arguments of a call": "answer = (lambda one, other: one)(*several)",
    "map": "answer = map(str, several)",
    "min": "answer = min(several, key=lambda one: 1)",
}
#: What was not, as Zope lets scripts have only what says that they may.
CLOSED = {
    "an attribute": "answer = manager.thread",
    "getattr": "answer = getattr(manager, 'thread')",
    "a format": "answer = '{0.thread}'.format(manager)",
    "a method": "answer = queue.pull()",
    "put": "answer = queue.put(str)",
    "iteration": "answer = [one for one in queue]",
    "keys": "answer = [one for one in workers]",
    "a stored item": "answer = kwargs['key']",
    "an argument": "answer = args[0]",
    "an annotation": "answer = notes['note']",
    "a method of a view": "answer = notes.items()",
    "the package": "import zcasync",
    "a name of the package": "from zcasync import put",
    "a module": "from zcasync.interfaces import ROOT_KEY",
    "a class": "from zcasync.partial import Partial",
    "the supervisor": "from zcasync.supervisor import engine",
}
SCRIPTS = OPEN | CLOSED
#: The first one was open.
TEMPLATES = {
    "a path": '<p tal:content="context/manager"/>',
    "a path on": '<p tal:content="context/manager/thread"/>',
    "a path to an argument": '<p tal:content="context/job/args/0"/>',
    "an expression": '<p tal:content="python:context.manager.thread.pull()"/>',
    "an attribute in a loop": '<p tal:repeat="one context/jobs" tal:content="one/args"/>',
}
#: No guard of Zope's is asked for what a loop of a template goes through.
LOOPS = [
    Visit(user, "/page", page='<p tal:repeat="one context/jobs" tal:content="one"/>')
    for user in USERS
]
WALKS = [Walk(user) for user in USERS]
CONTROL = Script("anonymous", "answer = site.getId() + str(len(several))")


def script(user: str, name: str) -> Script:
    """The script with this name, run by a user."""
    return Script(user, SCRIPTS[name])


DTML = {
    "a name": "<dtml-var job>",
    "an expression": '<dtml-var "job.args">',
    "a name in another": "<dtml-with manager><dtml-var thread></dtml-with>",
    "a loop": "<dtml-in jobs><dtml-var sequence-item></dtml-in>",
}


def page(user: str, name: str) -> Visit:
    """The visit of a user to a page with this template."""
    return Visit(user, "/page", page=TEMPLATES[name])


def method(user: str, name: str) -> Visit:
    """The visit of a user to a method with this text."""
    return Visit(user, "/method", page=DTML[name])


@pytest.fixture(scope="module")
def answers(tmp_path_factory: pytest.TempPathFactory) -> dict[Probe, Answer]:
    """What the site says."""
    scripts = [script(*case) for case in product(USERS, SCRIPTS)]
    pages = [page(*case) for case in product(USERS, TEMPLATES)]
    pages += [method(*case) for case in product(USERS, DTML)]
    return ask(tmp_path_factory.mktemp("site"), [*scripts, *pages, *LOOPS, *WALKS, CONTROL])


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_gets_nothing(answers: dict[Probe, Answer], name: str) -> None:
    assert let_in({user: answers[script(user, name)] for user in USERS}) == {}


@pytest.mark.parametrize("name", TEMPLATES)
def test_a_page_template_gets_nothing(answers: dict[Probe, Answer], name: str) -> None:
    assert let_in({user: answers[page(user, name)] for user in USERS}) == {}


@pytest.mark.parametrize("name", DTML)
def test_a_dtml_method_gets_nothing(answers: dict[Probe, Answer], name: str) -> None:
    assert let_in({user: answers[method(user, name)] for user in USERS}) == {}


def test_a_page_template_that_shows_a_job_does_not_call_it(answers: dict[Probe, Answer]) -> None:
    for found in map(answers.__getitem__, LOOPS):
        assert (found.outcome, found.has_called, found.has_changed) == ("200 OK", False, False)
        assert SECRET not in found.text


def test_no_attribute_of_all_that_the_data_manager_leads_to_is_let_through(
    answers: dict[Probe, Answer],
) -> None:
    assert let_in({walk.user: answers[walk] for walk in WALKS}) == {}


def test_a_script_gets_what_is_for_everybody(answers: dict[Probe, Answer]) -> None:
    """So a refusal is not that of a site that lets no script do anything."""
    assert answers[CONTROL].outcome == "found", answers[CONTROL]
