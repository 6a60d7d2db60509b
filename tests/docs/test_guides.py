"""Each guide runs as it stands, or is known to be a table that other tests hold."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.docs.guides import DOCS, ROOT, blocks, reader
from tests.support.ports import free_port

#: Guides that run here: how many commands and how many Python lines they have at least.
GUIDES = {
    "applications.rst": (7, 20),
    "backups.rst": (12, 0),
    "calls.rst": (4, 45),
    "coming_from.rst": (2, 50),
    "deploying.rst": (24, 0),
    "logging.rst": (7, 0),
    "hosts.rst": (14, 0),
    "jobs.rst": (7, 40),
    "many-jobs.rst": (3, 10),
    "monitoring.rst": (18, 5),
    "operations.rst": (14, 0),
    "processes.rst": (30, 20),
    "schedules.rst": (7, 25),
    "security.rst": (7, 0),
    "sizing.rst": (3, 0),
    "progress.rst": (5, 12),
    "several-workers.rst": (30, 50),
    "steps.rst": (5, 18),
    "testing.rst": (2, 15),
    "workflows.rst": (5, 40),
}
#: Runs in test_story.py, twice.
STORY = "story.rst"
#: Is typed in test_tutorial.py.
TUTORIAL = "tutorial.rst"
#: Runs in test_retries.py.
RETRIES = "retries.rst"
#: Run with the real applications: tests/integrations.
INTEGRATIONS = {"plone.rst", "pyramid.rst", "relstorage.rst", "zope.rst"}
#: Documents with nothing to run; other tests look at what they name.
TABLES = {
    "api.rst",
    "commands.rst",
    "dependencies.rst",
    "description.rst",
    "index.rst",
    "overview.rst",
    "performance.rst",
    "reliability.rst",
    "settings.rst",
}


pytestmark = pytest.mark.usefixtures("registry")


@pytest.mark.parametrize("name", GUIDES)
def test_a_guide_does_what_it_says(name: str, folder: Path) -> None:
    path = DOCS / name
    with reader(folder) as one:
        one.follow(path, {":8100": f":{free_port()}"} if ":8100" in path.read_text() else None)

        commands, lines = GUIDES[name]
        assert (len(one.ran) >= commands, one.typed >= lines) == (True, True)


GUIDE = """
A file, a command, and a line:

.. code-block:: python
    :name: sums.py

    NUMBER = {file}

.. code-block:: console

    $ number=7
    $ echo "it  is" \\
          "$number"; {command}
    it is {shown}

>>> import sums
>>> sums.NUMBER
{line}
>>> number = sums.NUMBER + 1

And one more line, which knows the ones before:

>>> number
8
"""
RIGHT = {"file": "7", "command": "true", "shown": "...", "line": "7"}


def test_a_guide_that_is_right_is_followed_to_its_end(folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "guide.rst"
    path.write_text(GUIDE.format(**RIGHT))

    with reader(folder) as one:
        one.follow(path)

        assert (len(one.ran), one.typed, one.env["number"]) == (2, 4, "7")
    assert "sums" not in sys.modules


@pytest.mark.parametrize(
    "wrong", [{"shown": "8"}, {"line": "8"}, {"command": "false"}, {"file": "8", "line": "8"}]
)
def test_a_guide_that_is_wrong_fails(folder: Path, tmp_path: Path, wrong: dict[str, str]) -> None:
    path = tmp_path / "guide.rst"
    path.write_text(GUIDE.format(**{**RIGHT, **wrong}))

    with pytest.raises(AssertionError), reader(folder) as one:
        one.follow(path)


def test_every_document_runs_or_has_nothing_to_run() -> None:
    documents = {path.name for path in DOCS.glob("*.rst")}

    assert documents == {*GUIDES, STORY, RETRIES, TUTORIAL, *INTEGRATIONS, *TABLES}, (
        "name the new document in test_guides.py"
    )
    for name in TABLES:
        assert not re.search(
            r"^(>>> |    \$ (?!make ))", (DOCS / name).read_text(), re.MULTILINE
        ), name


def test_the_guide_to_several_workers_has_the_samples_as_they_are() -> None:
    quoted = {
        block.name: block.body
        for block in blocks((DOCS / "several-workers.rst").read_text())
        if (block.name or "").startswith("etc/")
    }

    assert len(quoted) == 7
    assert quoted == {name: (ROOT / name).read_text() for name in quoted}
