"""The ready-made application of zope.component's users, in a real worker: its ZCML, in children."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.jobs import zcml
from tests.support.instance import SHORT, Instance
from zcasync.errors import NotRunning
from zcasync.testing.waiting import wait_until

SITE = """<configure xmlns="http://namespaces.zope.org/zope">
  <include package="zope.component" file="meta.zcml" />
  <include file="{more}" />
  <utility factory="tests.jobs.zcml.{utility}" />
</configure>
"""
MORE = """<configure xmlns="http://namespaces.zope.org/zope">
  <include package="zope.component" file="meta.zcml" />
  <include package="zcasync" />
  <subscriber for="tests.jobs.zcml.INoticed" handler="tests.jobs.zcml.notice" />
</configure>
"""


def configured(files: str) -> str:
    return SHORT.replace(
        "</zcasync>", f"  application zcasync.zcml:Application {files}\n</zcasync>"
    )


def write(home: Path, utility: str = "Shop", more: str = "more.zcml") -> None:
    """Write the ZCML of the application."""
    (home / "etc").mkdir(parents=True, exist_ok=True)
    (home / "etc" / "site.zcml").write_text(SITE.format(utility=utility, more=more))
    (home / "etc" / "more.zcml").write_text(MORE)


def problem(instance: Instance) -> Any:
    """Why nothing boots, once that is told."""

    def found() -> Any:
        try:
            return instance.status()["boot"]
        except NotRunning:
            return None

    return wait_until(found, "the problem to be told", seen=instance.evidence)["problem"]


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_jobs_find_utilities_subscribers_and_sites(
    make_instance: Callable[..., Instance], queue: str
) -> None:
    instance = make_instance(config=configured("etc/site.zcml"))
    write(instance.home)
    client = instance.start().client
    site = client.add("site", zcml.Site())
    partial = client.put(zcml.use_components, site, queue=queue)
    client.wait_for(partial)
    assert partial.result == {"shop": "open", "noticed": 1, "local": "of the site"}
    again = client.put(zcml.use_components, site, queue=queue)
    client.wait_for(again)
    assert again.result["local"] == "of the site"


@pytest.mark.parametrize(
    ("utility", "more", "told"),
    [
        ("Nothing", "more.zcml", ("site.zcml", "line 4", "Nothing")),
        ("Shop", "away.zcml", ("away.zcml", "site.zcml", "line 3")),
    ],
)
def test_an_error_in_it_is_told_with_file_and_line_and_nothing_is_lost(
    make_instance: Callable[..., Instance], utility: str, more: str, told: tuple[str, ...]
) -> None:
    instance = make_instance(config=configured("etc/site.zcml"))
    write(instance.home, utility, more)
    found = problem(instance.launch())
    assert [one for one in told if one not in found] == [], found
    client = instance.client
    site = client.add("site", zcml.Site())
    partial = client.put(zcml.use_components, site)
    write(instance.home)
    client.wait_for(partial, timeout=90)
    assert partial.result["shop"] == "open"
    assert partial.attempts == 1


def test_a_product_that_is_lacking_is_told_and_its_jobs_wait(
    make_instance: Callable[..., Instance],
) -> None:
    instance = make_instance(config=configured("etc/site.zcml"))
    write(instance.home)
    lacking = '<include package="tests.no_such_product" />'
    path = instance.home / "etc" / "more.zcml"
    path.write_text(MORE.replace('<include package="zcasync" />', lacking))
    found = problem(instance.launch())
    assert "no_such_product" in found
    assert "more.zcml" in found
    assert "line 3" in found


@pytest.mark.parametrize(
    ("files", "told"),
    [("", "has the paths of ZCML files"), ("etc/none.zcml", "etc/none.zcml is not there")],
)
def test_it_wants_to_know_which(
    make_instance: Callable[..., Instance], files: str, told: str
) -> None:
    assert told in problem(make_instance(config=configured(files)).launch())
