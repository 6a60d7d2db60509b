"""The UUID of an instance: made once, never changed, the same for whoever asks."""

import os
import pickle
import subprocess
import sys
import uuid
from pathlib import Path

import pytest
from zope.component import getUtility, provideUtility

from zcasync import instanceuuid
from zcasync.errors import ConfigurationError
from zcasync.instanceuuid import getUUID, readUUID
from zcasync.interfaces import IUUID

ROOT = Path(__file__).resolve().parents[1]


def test_a_home_without_a_uuid_gets_one_and_keeps_it(tmp_path: Path) -> None:
    home = tmp_path / "not" / "there" / "yet"
    assert readUUID(home) is None
    assert not home.exists(), "reading makes nothing"

    made = getUUID(home)

    assert isinstance(made, uuid.UUID)
    assert (home / "etc" / "uuid.txt").read_text() == f"{made.hex}\n"
    assert getUUID(home) == readUUID(home) == made
    assert [file.name for file in (home / "etc").iterdir()] == ["uuid.txt"]


def test_a_uuid_that_is_there_is_never_rewritten(tmp_path: Path) -> None:
    file = tmp_path / "etc" / "uuid.txt"
    file.parent.mkdir()
    mine = uuid.uuid4()
    file.write_text(f"\n {mine}  \n\n")
    before = file.stat()

    assert getUUID(tmp_path) == mine
    assert file.stat() == before or file.stat().st_mtime_ns == before.st_mtime_ns
    assert file.read_text() == f"\n {mine}  \n\n"


@pytest.mark.parametrize("content", [b"", b"not a uuid", b"1234", b"\xff\xfe", b"0" * 1000])
def test_a_damaged_file_is_an_error_that_says_what_to_do(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "etc" / "uuid.txt"
    file.parent.mkdir()
    file.write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"uuid\.txt") as raised:
        getUUID(tmp_path)
    [problem] = raised.value.problems
    assert "cannot be read" in problem or "restore the file, or remove it" in problem
    assert len(problem) < 500
    assert file.read_bytes() == content


def test_a_folder_in_its_place_is_an_error_too(tmp_path: Path) -> None:
    (tmp_path / "etc" / "uuid.txt").mkdir(parents=True)

    with pytest.raises(ConfigurationError, match="cannot be read"):
        getUUID(tmp_path)


ASK = (
    "import sys\n"
    "from zcasync.instanceuuid import getUUID\n"
    "print('ready', flush=True)\n"
    "for line in sys.stdin:\n"
    "    print(getUUID(line.strip()).hex, flush=True)\n"
)


def test_two_processes_that_ask_at_once_agree(tmp_path: Path) -> None:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", ASK],
            env=environment,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        for _ in range(2)
    ]
    try:
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
        for number in range(30):
            for process in processes:
                process.stdin.write(f"{tmp_path / str(number)}\n")
                process.stdin.flush()
            one, two = (process.stdout.readline() for process in processes)
            assert one == two
            assert (tmp_path / str(number) / "etc" / "uuid.txt").read_text() == one
    finally:
        for process in processes:
            process.communicate(timeout=30)


def test_the_instance_home_is_found_in_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTANCE_HOME", str(tmp_path / "named"))
    assert getUUID() == readUUID(tmp_path / "named")
    assert getUUID(tmp_path / "other") != getUUID(), "a home that is named wins"

    monkeypatch.delenv("INSTANCE_HOME")
    monkeypatch.chdir(tmp_path)
    assert getUUID() == readUUID(tmp_path / "instance")


def test_the_uuid_of_the_module_is_read_when_it_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSTANCE_HOME", str(tmp_path / "home"))
    assert not (tmp_path / "home").exists()

    assert readUUID(tmp_path / "home") is None
    made = instanceuuid.UUID
    assert readUUID(tmp_path / "home") == made
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        _ = instanceuuid.nothing


@pytest.mark.usefixtures("registry")
def test_the_uuid_can_be_the_utility_of_the_instance(tmp_path: Path) -> None:
    mine = getUUID(tmp_path)
    provideUtility(mine, IUUID, name="instance")

    assert getUtility(IUUID, name="instance") is mine
    assert mine == uuid.UUID(mine.hex)
    assert pickle.loads(pickle.dumps(mine)) == mine
