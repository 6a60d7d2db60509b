"""A Zope that cannot be set up is told of in words; what was put by then is not lost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.integrations import zope_home
from tests.integrations.servers import DatabaseServer
from tests.integrations.zope.conftest import ZCASYNC_CONF
from tests.integrations.zope.shop import around
from tests.support.instance import Instance, short_folder
from zcasync.errors import NotRunning
from zcasync.testing.waiting import wait_until

Make = Callable[[], Instance]


@pytest.fixture(scope="module")
def own_server() -> Iterator[DatabaseServer]:
    """A database server with nothing in it."""
    with short_folder() as folder:
        made = DatabaseServer(folder)
        try:
            yield made.start()
        finally:
            made.stop()


@pytest.fixture
def instance(folder: Path, own_server: DatabaseServer) -> Iterator[Instance]:
    """The home of a Zope, and a supervisor that does not run yet."""
    home = folder / "home"
    zope_home.make(home, own_server)
    (home / "etc" / "zcasync.conf").write_text(ZCASYNC_CONF)
    made = Instance(home, children=1)
    yield made
    made.end()


def ended_with(instance: Instance) -> str:
    """What a supervisor has said that could not start."""
    assert instance.launch().wait() == 2
    return instance.output


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (("mount-point /", "mount-point shop"), "mount points must begin with a slash"),
        (("<zodb_db main>", "<zodb_db main"), "zope.conf"),
        (("mount-point /", "mount-point /shop"), "no <zodb_db> has the mount-point /"),
        (("<zodb_db main>", "nonsense on\n<zodb_db main>"), "nonsense"),
    ],
)
def test_a_zope_conf_with_an_error_is_refused_in_a_line(
    instance: Instance, change: tuple[str, str], told: str
) -> None:
    path = instance.home / "etc" / "zope.conf"
    path.write_text(path.read_text().replace(*change))
    said = ended_with(instance)

    assert told in said
    assert "Traceback" not in said
    assert str(path) in said


def test_a_zope_conf_that_is_not_there_is_refused_in_a_line(instance: Instance) -> None:
    path = instance.home / "etc" / "zope.conf"
    path.unlink()
    said = ended_with(instance)

    assert f"{path} cannot be read: No such file or directory" in said
    assert "Traceback" not in said


def test_an_error_in_zcml_is_a_boot_problem_with_its_traceback_and_loses_no_job(
    instance: Instance,
) -> None:
    path = instance.home / "etc" / "site.zcml"
    good = path.read_text()
    path.write_text(good.replace("</configure>", '<include package="no.such" /></configure>'))
    instance.launch()

    def problem() -> object:
        try:
            return instance.status()["boot"]
        except NotRunning:
            return None

    found = wait_until(problem, "the problem to be told", 60, seen=instance.evidence)
    assert "No module named 'no'" in found["problem"]
    assert any("site.zcml" in line for line in found["output"]), found
    job = instance.client.put(around)
    path.write_text(good)
    assert instance.client.wait_for(job, timeout=90)["user"] is None
