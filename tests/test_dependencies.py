"""The checks that keep the house: who may import whom, and how long, private and silent code is.

``python -m tests.house`` prints the same figures, and with ``--json`` the places.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Collection, Mapping
from functools import cache
from pathlib import Path

import pytest

from tests.house import docstrings, floors, functions, imports, private, source

ROOT = Path(__file__).parent.parent
SCREEN_LINES = 40
FILE_LINES = 300
TEST_FILE_LINES = 500
QUESTIONS_SHARE = 0.03

#: What each room may import besides itself and the ground.  A room is a folder, or a module at the
#: top of the package; ``zcasync`` is what stands in its ``__init__``.
GROUND = {
    "allowed",
    "certificates",
    "clock",
    "errors",
    "events",
    "formats",
    "import_path",
    "interfaces",
    "standard_streams",
    "text",
    "unpublished",
    "users",
    "versions",
    "ways",
}
ALLOWED: dict[str, str] = {
    "authority": "",
    "meetings": "",
    "unix_sockets": "",
    "keepalive": "",
    "relstorage": "keepalive",
    "zeo": "keepalive relstorage unix_sockets",
    "application": "",
    "instance": "application relstorage unix_sockets",
    "job": "zeo",
    "database": "instance relstorage unix_sockets zeo",
    "workers": "instance job zeo",
    "retry": "database job",
    "perform": "database job retry workers zeo",
    "liveness": "database instance job retry workers",
    "results": "database instance job perform protocol zeo",
    "partial": "job perform results retry",
    "queues": "job partial retry zeo",
    "schedules": "job partial queues retry",
    "datamanager": "instance job partial queues relstorage schedules workers",
    "salvage": "datamanager instance job queues schedules workers zeo",
    "adapters": "datamanager partial",
    "twist": "database job workers zeo",
    "registry": "adapters partial retry twist",
    "patterns": "partial queues",
    "flows": "job partial perform queues",
    "instanceuuid": "instance",
    "subscribers": "application database datamanager instanceuuid",
    "calls": "database datamanager partial queues",
    "zcasync": "calls flows job partial perform registry results retry",
    "protocol": "unix_sockets",
    "supervisor/children": "instance job liveness perform protocol",
    "supervisor/zeo_server": "database instance protocol unix_sockets zeo",
    "supervisor/poll": "database datamanager instance job liveness perform protocol queues retry "
    "schedules supervisor/children workers zeo",
    "supervisor": "application database datamanager instance instanceuuid job liveness perform "
    "protocol registry retry salvage supervisor/children supervisor/poll supervisor/zeo_server "
    "unix_sockets workers zeo",
    "child": "application database instance job liveness perform protocol registry retry workers "
    "zeo",
    "twisted_engine": "child database instance liveness perform protocol supervisor "
    "supervisor/children",
    "audit": "database datamanager job liveness queues salvage workers zeo",
    "pyramid": "calls panel partial registry subscribers",
    "zcml": "",
    "reports": "database datamanager instance instanceuuid job liveness perform protocol queues "
    "retry schedules workers zeo",
    "control": "queues zeo job liveness partial protocol reports retry",
    "panel": "control database datamanager instance instanceuuid job liveness protocol reports "
    "salvage zeo",
    "demo": "datamanager instance job partial testing zcasync",
    "load": "control database datamanager instance job partial reports zcasync zeo",
    "cli": "audit authority control database datamanager demo instance instanceuuid job liveness "
    "load partial protocol queues reports salvage supervisor supervisor/zeo_server workers zcasync",
    "zope": "calls job panel partial queues",
    "testing": "database datamanager instance instanceuuid job liveness partial perform supervisor "
    "twisted_engine workers zcasync",
}
#: The ground's own.
ALLOWED_IN_THE_GROUND = {
    ("allowed", "errors"),
    ("events", "errors"),
    ("formats", "errors"),
    ("interfaces", "errors"),
    ("versions", "errors"),
}

# Exceptions, each with its reason.  There may be fewer of them, never more: one that is not needed
# any more fails.

UP = {
    ("subscribers", "twisted_engine"): "installTwistedEngine is a name of the contract, and an "
    "application that subscribes has to load no reactor",
}
#: The rooms, beside the command line, that import inside functions, and only what loads a reactor.
#: (The reactor itself is always asked for inside functions, as importing it installs it.)
INSIDE_FUNCTIONS = {
    "subscribers": "an application that subscribes has to load no reactor",
    "testing": "tests choose their reactor before an engine is made",
    "child": "a child is on its lifeline before it loads what it needs for jobs",
}
LOAD_A_REACTOR = ("supervisor", "twisted_engine", "child")
#: A file and a private name of another folder or, outside zeo/, of a library.
PRIVATE: dict[tuple[str, str], str] = {}
LONG_FILES = {"zcasync/interfaces.py": "the manual: one page, in order of use"}


@cache
def modules() -> dict[str, source.Module]:
    return source.read(ROOT)


@cache
def found_imports() -> list[imports.Import]:
    return imports.find_imports(modules())


@cache
def rooms() -> dict[str, str]:
    return floors.rooms(modules())


@cache
def arrows() -> dict[tuple[str, str], list[str]]:
    return imports.arrows(found_imports(), rooms())


def allowed() -> set[tuple[str, str]]:
    """The arrows from room to room that the table allows."""
    return ALLOWED_IN_THE_GROUND | {
        (room, other) for room, others in ALLOWED.items() for other in GROUND | set(others.split())
    }


def none_but(excepted: Collection[object], problems: Mapping[object, object]) -> None:
    """Nothing is wrong but the exceptions, and these still are."""
    unexpected = [f"{one}: {places}" for one, places in problems.items() if one not in excepted]
    assert not unexpected, "\n".join(unexpected)
    assert not set(excepted) - set(problems), "exceptions that are not needed any more"


# who imports whom


def test_rooms_import_only_what_the_table_allows() -> None:
    none_but(UP, {ends: places for ends, places in arrows().items() if ends not in allowed()})


def test_the_table_has_every_room_and_goes_down_the_floors() -> None:
    assert GROUND | set(ALLOWED) == set(floors.FLOOR) == set(rooms().values())
    assert imports.back_up(allowed(), floors.FLOOR) == []
    between: dict[str, set[str]] = {}
    for start, end in allowed():
        between.setdefault(start, set()).add(end)
    assert imports.circles(between) == []


def test_no_modules_import_each_other_in_a_circle() -> None:
    assert imports.circles(imports.graph(found_imports())) == []


def test_functions_import_nothing_but_on_the_command_line() -> None:
    problems: dict[object, list[str]] = {}
    for one in imports.inside_functions(found_imports()):
        if (one.target, one.name) != ("twisted.internet", "reactor"):
            room = rooms()[one.importer.name]
            loads_one = rooms().get(one.target, "").split("/")[0] in LOAD_A_REACTOR
            key = room if loads_one else f"{room} imports {one.target}"
            problems.setdefault(key, []).append(one.where)
    none_but(INSIDE_FUNCTIONS, problems)
    assert len(INSIDE_FUNCTIONS) <= 3


def test_imports_are_absolute_and_not_through_the_links_at_the_top() -> None:
    for one in found_imports():
        first = one.target.split(".")[0]
        assert first not in ("", "supervisor", "child", "protocol"), one.where


def test_an_application_that_imports_zcasync_loads_no_reactor() -> None:
    code = (
        "import sys, zcasync, zcasync.datamanager, zcasync.subscribers\n"
        "zcasync.configure()\n"
        "assert 'twisted.internet.reactor' not in sys.modules\n"
        "assert not any(name.startswith('zcasync.supervisor') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_database_server_loads_neither_jobs_nor_what_a_client_needs() -> None:
    code = (
        "import sys, zcasync.supervisor.zeo_server.__main__\n"
        "needless = {'zcasync.job', 'zcasync.partial', 'twisted.internet', 'ZConfig'}\n"
        "assert not needless & set(sys.modules), needless & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_names_and_the_modules_of_the_package_are_found_when_they_are_used() -> None:
    code = (
        "import zcasync\n"
        "assert set(zcasync.__all__) <= set(dir(zcasync))\n"
        "for name in zcasync.__all__:\n"
        "    assert callable(getattr(zcasync, name)), name\n"
        "assert zcasync.interfaces.PENDING and zcasync.twist.Partial\n"
        "for name in ('nothing', 'a.b', 'job.nothing', 'job.ids', '', ' ', '1'):\n"
        "    assert not hasattr(zcasync, name), name\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.skipif((ROOT / "PKG-INFO").exists(), reason="a source distribution has no links")
def test_the_links_at_the_top_lead_to_the_rooms() -> None:
    for name in ("supervisor", "child", "protocol"):
        link = ROOT / name
        assert link.is_symlink()
        assert link.resolve() == ROOT / "zcasync" / name


# how long, private and silent code is


def test_private_names_do_not_leave_their_folder() -> None:
    problems: dict[object, list[str]] = {}
    for use in private.foreign_uses(modules()):
        if not use.is_of_this_folder and use.module.folder not in private.LOWEST:
            problems.setdefault((str(use.module.path), use.name), []).append(use.where)
    none_but(PRIVATE, problems)


def test_functions_fit_a_screen() -> None:
    found = functions.find_functions(modules().values())
    none_but((), {one.where: one.lines for one in found if one.lines > SCREEN_LINES})


def test_files_are_short() -> None:
    lines = {str(one.path): one.lines for one in modules().values()}
    none_but(LONG_FILES, {path: count for path, count in lines.items() if count > FILE_LINES})


def test_test_files_are_short() -> None:
    lines = {path: path.read_text().count("\n") for path in (ROOT / "tests").rglob("*.py")}
    none_but((), {path: count for path, count in lines.items() if count > TEST_FILE_LINES})


def test_everything_public_has_a_docstring() -> None:
    missing = docstrings.undocumented(modules())
    assert not missing, "\n".join(missing)


def test_docstrings_open_with_what_is_done_and_not_with_a_question() -> None:
    found = docstrings.find_docstrings(modules())
    asking = [one.where for one in found if one.opens_with_a_question]
    assert len(asking) < QUESTIONS_SHARE * len(found), "\n".join(asking)
