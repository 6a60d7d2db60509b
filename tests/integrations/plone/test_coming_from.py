"""The right sides of ``docs/coming_from.rst`` that are for Plone do what the left ones did."""

from __future__ import annotations

import ast
import json
import re
from pathlib import Path
from textwrap import dedent

from tests.docs.guides import DOCS
from tests.integrations import zope_home
from tests.integrations.servers import Site
from tests.support.instance import ROOT, Client, Instance
from zcasync.interfaces import COMPLETED

RIGHT = re.compile(r"^     - \.\. code-block:: python\n\n((?:          .*\n|\n)+)", re.MULTILINE)
#: What the page says is there.
MODULE = """
import datetime
import transaction
import zcasync.zope
from AccessControl.SecurityManagement import newSecurityManager
from plone.dexterity.utils import createContentInContainer
from zope.component.hooks import setSite

moment = datetime.datetime.now(datetime.timezone.utc)


def create(context, title):
    return createContentInContainer(context, "Document", title=title).getId()


def clean(context):
    return "/".join(context.getPhysicalPath())


def letter(name):
    return f"{name} is there"
"""
SCRIPT = """
import json, sys
sys.path.insert(0, {source!r})
import sides

setSite = sides.setSite
setSite(app.Plone)
sides.newSecurityManager(None, app.acl_users.getUser("admin").__of__(app.acl_users))
sides.context = app.Plone["scratch"]
ids = []
for text in {blocks!r}:
    exec(text, vars(sides))
    ids.append(sides.job.id)
sides.transaction.commit()
print(json.dumps(ids))
"""


def split(text: str) -> tuple[str, str]:
    """Return the functions of a text, which a module has, and the rest of it."""
    body = ast.parse(text).body
    functions = [one for one in body if isinstance(one, ast.FunctionDef)]
    rest = [one for one in body if one not in functions]
    return tuple("\n".join(map(ast.unparse, part)) for part in (functions, rest))  # type: ignore


def test_the_right_sides_put_jobs_that_do_what_they_say(
    place: Path, site: Site, worker: Instance, client: Client
) -> None:
    found = [split(dedent(one)) for one in RIGHT.findall((DOCS / "coming_from.rst").read_text())]
    assert len(found) == 9
    source = place / "home" / "src"
    functions = "\n\n".join(one for one, _ in found)
    (source / "sides.py").write_text(f"{MODULE}\n\n{functions}\n")
    script = SCRIPT.format(source=str(source), blocks=[rest for _, rest in found])
    environment = {"PYTHONPATH": f"{source}:{ROOT}"}
    out = zope_home.run_script(place / "home", script, environment)
    client.sync()
    jobs = [client.manager.find(one) for one in json.loads(out.splitlines()[-1])]

    client.wait_until(
        lambda: sum(one.state == COMPLETED for one in jobs) == len(jobs) - 1, "all but the late one"
    )
    (late,) = [one for one in jobs if one.state != COMPLETED]
    assert late.callable_name == "sides.create"
    assert {str(one.result)[:4] for one in jobs if one is not late} == {"news", "/Plo", "None"}
    (letters,) = [one.callbacks for one in jobs if one.callbacks]
    client.wait_for(*letters)
    assert str(letters[0].result).endswith("is there")
    # the late one would conflict with the long work of another test
    zope_home.run("zcasync", "cancel", late.id, "--home", place / "home")
