"""The import path: what is named counts, and the current directory is not."""

from __future__ import annotations

import errno
import os
import site
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.foreign_code import imported, plant
from tests.support.instance import ROOT
from zcasync import import_path


@pytest.fixture
def foreign(tmp_path: Path) -> Path:
    """A folder of a stranger's modules."""
    return plant(tmp_path / "foreign")


def run_in(folder: Path, *command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Run a command there, with the package as the only folder that is named."""
    return subprocess.run(
        command,
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT), **variables},
        text=True,
        capture_output=True,
        timeout=60,
    )


SCRIPTS = Path(sys.executable).parent
MODULE = [sys.executable, "-m", "zcasync.cli.main"]


@pytest.mark.parametrize(
    "command",
    [
        [*MODULE, "status"],
        [*MODULE, "run", "--help"],
        [*MODULE, "put", "operator.add", "--arg", "1"],
        [*MODULE, "jobs", "--json"],
        [*MODULE, "check"],
        [*MODULE, "demo", "--help"],
        [sys.executable, "-m", "zcasync.zeo", "--help"],
        [str(SCRIPTS / "zcasync"), "status"],
        [str(SCRIPTS / "twistd"), "zcasync", "--help"],
    ],
    ids=lambda command: " ".join(Path(word).name for word in command),
)
def test_no_command_imports_from_the_current_directory(foreign: Path, command: list[str]) -> None:
    done = run_in(foreign, *command, INSTANCE_HOME=str(foreign / "nowhere"))
    assert "Traceback" not in done.stderr, done.stderr
    assert imported(foreign) == ""


def test_what_is_named_is_imported_from_there(tmp_path: Path) -> None:
    (tmp_path / "their_app.py").write_text("def job(): ...")
    put = [*MODULE, "put", "their_app.job", "--home", "nowhere"]
    assert "No module named 'their_app'" in run_in(tmp_path, *put).stderr
    path = f"{ROOT}{os.pathsep}{tmp_path}"
    assert "no instance home" in run_in(tmp_path, *put, PYTHONPATH=path).stderr


LEAVE = """
import sys
from zcasync import import_path

import_path.leave_current_directory()
import_path.leave_current_directory()
print(sys.path)
"""


def paths_left(folder: Path, script: str, pythonpath: str) -> list[str]:
    """The import path of a process in a folder that has left its current directory."""
    done = run_in(folder, sys.executable, script, PYTHONPATH=pythonpath)
    assert done.returncode == 0, done.stderr
    return eval(done.stdout)  # type: ignore[no-any-return]  # it is the repr of our own list


def test_an_empty_entry_of_pythonpath_names_nothing(tmp_path: Path) -> None:
    elsewhere = tmp_path / "scripts"
    elsewhere.mkdir()
    (elsewhere / "leave.py").write_text(LEAVE)
    script, here = str(elsewhere / "leave.py"), str(tmp_path)
    assert here not in paths_left(tmp_path, script, f"{ROOT}::/no/such/folder")
    assert here not in paths_left(tmp_path, script, f"{os.pathsep}{ROOT}")
    assert here in paths_left(tmp_path, script, f"{ROOT}::{here}")
    assert here in paths_left(tmp_path, script, f"{ROOT}{os.pathsep}.")
    assert f"{here}/scripts" in paths_left(tmp_path, script, f"{ROOT}::scripts")


def test_what_belongs_to_the_installation_is_named(tmp_path: Path) -> None:
    script = tmp_path / "leave.py"
    script.write_text(LEAVE)
    for folder in (ROOT, Path(os.__file__).parent, Path(pytest.__file__).parent.parent):
        assert str(folder) in paths_left(folder, str(script), f"{os.pathsep}{ROOT}")


def test_a_folder_that_was_removed_is_no_error(tmp_path: Path) -> None:
    script = tmp_path / "leave.py"
    script.write_text("import os, sys\nos.chdir(sys.argv[1])\nos.rmdir(sys.argv[1])\n" + LEAVE)
    gone = tmp_path / "gone"
    gone.mkdir()
    done = run_in(tmp_path, sys.executable, str(script), str(gone))
    assert done.returncode == 0, done.stderr


def test_a_pth_file_that_cannot_be_read_names_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    packages, here = tmp_path / "packages", tmp_path / "here"
    packages.mkdir()
    here.mkdir()
    (packages / "a_dangling.pth").symlink_to(packages / "nothing")
    (packages / "b_folder.pth").mkdir()
    monkeypatch.setattr(site, "getsitepackages", lambda: [str(packages), str(tmp_path / "gone")])
    monkeypatch.chdir(here)
    monkeypatch.setattr(sys, "path", ["", str(here)])
    import_path.leave_current_directory()
    assert sys.path == []
    (packages / "c_editable.pth").write_text(f"{here}\n")
    monkeypatch.setattr(sys, "path", ["", str(here)])
    import_path.leave_current_directory()
    assert sys.path == [str(here)]


def test_a_current_folder_that_may_not_be_asked_for_is_no_error(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuse() -> str:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(os, "getcwd", refuse)
    monkeypatch.setattr(sys, "path", ["", "/a"])
    import_path.leave_current_directory()
    assert sys.path == ["/a"]


def test_processes_are_handed_no_empty_and_no_relative_entry(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", "/a", "lib", "/a", "/b"])
    expected = os.pathsep.join(["/a", f"{tmp_path}/lib", "/b"])
    assert import_path.environment()["PYTHONPATH"] == expected
    assert import_path.python("-m", "json.tool") == [sys.executable, "-P", "-m", "json.tool"]


def test_added_folders_come_last_and_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", ["/a", "/b"])
    import_path.add(("/c", "/a", "/c"))
    assert sys.path == ["/a", "/b", "/c"]


def test_folders_that_others_could_fill_are_problems(tmp_path: Path) -> None:
    folder = tmp_path / "app"
    assert "No such file" in import_path.problems((str(folder),))[0]
    folder.write_text("")
    assert "not a folder" in import_path.problems((str(folder),))[0]
    folder.unlink()
    folder.mkdir(mode=0o755)
    assert import_path.problems((str(folder),)) == []
    folder.chmod(0o777)
    (problem,) = import_path.problems((str(folder),))
    assert f"chmod -R go-w {folder}" in problem


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a folder away")
def test_a_folder_of_another_user_or_of_a_foreign_group_is_a_problem(tmp_path: Path) -> None:
    folder = tmp_path / "app"
    folder.mkdir(mode=0o755)
    os.chown(folder, -1, 12345)
    folder.chmod(0o775)
    assert "written by other users" in import_path.problems((str(folder),))[0]
    os.chown(folder, 12345, -1)
    assert "another user (uid 12345)" in import_path.problems((str(folder),))[0]
