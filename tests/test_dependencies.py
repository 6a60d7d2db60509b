"""The arrows between the rooms: zcasync <- protocol <- {supervisor, child}; cli above them."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent / "zcasync"
ROOMS = ("protocol", "supervisor", "child", "cli", "demo", "testing")
#: What each room may import, besides itself.
ALLOWED = {
    "model": set(),
    "protocol": {"model"},
    "supervisor": {"model", "protocol"},
    "child": {"model", "protocol"},
    "demo": {"model"},
    "testing": {"model", "protocol", "supervisor", "child"},
    "cli": {"model", "protocol", "supervisor", "demo"},
}
#: The one place where the model reaches for the supervisor, inside a function.
EXCEPTIONS = {("subscribers.py", "supervisor"), ("subscribers.py", "testing")}


def room_of(module: str) -> str | None:
    """The room of a module of ours; None for one of somebody else's."""
    parts = module.split(".")
    if parts[0] != "zcasync":
        return None
    return parts[1] if len(parts) > 1 and parts[1] in ROOMS else "model"


def imports(path: Path) -> set[str]:
    """The modules that a file imports anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


FILES = sorted(path for path in ROOT.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_go_along_the_arrows(path: Path) -> None:
    relative = path.relative_to(ROOT)
    room = relative.parts[0] if relative.parts[0] in ROOMS else "model"
    rooms = {room_of(module) for module in imports(path)} - {None, room}
    excepted = {to for name, to in EXCEPTIONS if name == relative.name}
    assert rooms - excepted <= ALLOWED[room]


def test_no_module_imports_through_the_links_at_the_top() -> None:
    for path in FILES:
        for module in imports(path):
            assert module.split(".")[0] not in ("supervisor", "child", "protocol"), path


def test_an_application_that_imports_zcasync_loads_no_reactor() -> None:
    code = (
        "import sys, zcasync, zcasync.datamanager, zcasync.subscribers\n"
        "zcasync.configure()\n"
        "assert 'twisted.internet.reactor' not in sys.modules\n"
        "assert not any(name.startswith('zcasync.supervisor') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_the_links_at_the_top_lead_to_the_rooms() -> None:
    for name in ("supervisor", "child", "protocol"):
        link = ROOT.parent / name
        assert link.is_symlink()
        assert link.resolve() == ROOT / name
