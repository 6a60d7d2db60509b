"""What ``docs/plone.rst`` says of the configuration of instances is what a Plone takes."""

from __future__ import annotations

import configparser
from pathlib import Path

import pytest

from tests.docs.guides import DOCS, blocks
from tests.integrations import zope_home
from tests.integrations.servers import DatabaseServer, Site
from zcasync.application.named import ApplicationName

#: Prints what a Plone has that has loaded its ZCML.
REGISTERED = """
from zope.component import getGlobalSiteManager
from zcasync.interfaces import IContextCapture, IDataManagerPartial
from ZODB.interfaces import IConnection

registry = getGlobalSiteManager()
print("captures", [name for name, _ in registry.getUtilitiesFor(IContextCapture)])
print("partial", IDataManagerPartial(len, None) is not None)
print("connection", IConnection(app) is app._p_jar)
"""
BARE = '<include package="zcasync" />'


def of_kind(kind: str) -> list[str]:
    """Return the blocks of a kind that are no files."""
    found = blocks((DOCS / "plone.rst").read_text())
    return [one.body for one in found if one.kind == kind and one.name is None]


def recipe() -> configparser.ConfigParser:
    """Return the parts of a buildout."""
    made = configparser.ConfigParser(interpolation=None)
    (text,) = of_kind("ini")
    made.read_string(text)
    return made


@pytest.mark.parametrize("way", ["the package", "the recipe"])
def test_a_plone_loads_the_lines_beside_all_that_it_has(
    place: Path, server: DatabaseServer, site: Site, way: str
) -> None:
    lines = BARE if way == "the package" else recipe()["instance"]["zcml-additional"]
    home = place / way.split()[1]
    zope_home.make(home, server)
    # where plone.recipe.zope2instance writes them
    includes = home / "etc" / "package-includes"
    includes.mkdir()
    text = f'<configure xmlns="http://namespaces.zope.org/zope">{lines}</configure>'
    (includes / "999-additional-overrides.zcml").write_text(text)

    said = zope_home.run_script(home, REGISTERED).splitlines()[-3:]
    captures = "[]" if way == "the package" else "['zcasync.zope']"
    assert said == [f"captures {captures}", "partial True", "connection True"]


def test_the_worker_of_a_buildout_names_the_zope_conf_that_the_recipe_makes() -> None:
    assert recipe()["instance"]["recipe"] == "plone.recipe.zope2instance"
    (text,) = [one for one in of_kind("xml") if "parts/instance" in one]
    words = next(line for line in text.splitlines() if "application" in line).split(None, 1)[1]
    name = ApplicationName.of(words)
    home = Path("/srv/plone/var/zcasync")
    assert (home / name.arguments[0]).resolve() == Path("/srv/plone/parts/instance/etc/zope.conf")
