"""Arguments from files and from standard input, and arguments that no command shows."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Result, finish, start
from tests.jobs import secret
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync.job.ids import id_of
from zcasync.partial import Partial

Cli = Callable[..., Result]

PASSWORD = "swordfish"


@pytest.fixture
def stdin(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Sets what standard input holds."""
    return lambda text: monkeypatch.setattr(
        sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode()))
    )


def test_arguments_come_from_files_and_from_standard_input(
    served: Instance, cli: Cli, tmp_path: Path, stdin: Callable[[str], None]
) -> None:
    (tmp_path / "numbers").write_text("[3, 1, 2]\n")
    (tmp_path / "key=1").write_text("true\n")
    put = ["put", "builtins.sorted", "--arg", f"@{tmp_path / 'numbers'}", "--wait"]
    assert cli(*put, "--kwarg", f"reverse=@{tmp_path / 'key=1'}").json == [3, 2, 1]
    stdin("[2, 1]")
    assert cli("put", "builtins.sorted", "--arg", "-", "--wait").json == [1, 2]
    stdin('"b"')
    assert cli("put", "builtins.dict", "--kwarg", "a=-", "--wait").json == {"a": "b"}


def test_a_text_that_begins_like_a_file_is_given_as_json(served: Instance, cli: Cli) -> None:
    for text in ("@x", "-"):
        done = cli("put", "builtins.str", "--arg", json.dumps(text), "--wait")
        assert done.json == text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--arg", "@/nowhere/file"], "@/nowhere/file cannot be read: No such file or directory"),
        (["--arg", "@x"], "a text that begins with @ needs quotes: '\"@text\"'"),
        (["--arg", "@/"], "cannot be read: Is a directory"),
        (["--arg", "-", "--arg", "-"], "standard input is read already"),
        (["--arg", "-", "--kwarg", "a=-"], "standard input is read already"),
    ],
)
def test_what_cannot_be_read_is_said_in_one_line(
    served: Instance,
    cli: Cli,
    stdin: Callable[[str], None],
    arguments: list[str],
    words: str,
) -> None:
    stdin("1")
    done = cli("put", "builtins.str", *arguments)
    assert (done.code, done.out) == (2, "")
    assert words in done.error


@pytest.mark.parametrize("content", [PASSWORD.encode(), b"\xff" + PASSWORD.encode()])
def test_what_a_file_holds_is_in_no_error(
    served: Instance, cli: Cli, tmp_path: Path, content: bytes
) -> None:
    (tmp_path / "password").write_bytes(content)
    done = cli("put", "builtins.str", "--arg", f"@{tmp_path / 'password'}")
    assert done.code == 2
    assert f"@{tmp_path / 'password'}" in done.error
    assert PASSWORD not in done.error


@pytest.mark.parametrize("option", [["--arg", "-"], ["--kwarg", "a=-"]])
def test_bytes_on_standard_input_that_are_no_text_are_said_in_one_line(
    served: Instance, tmp_path: Path, option: list[str]
) -> None:
    (tmp_path / "password").write_bytes(b'"\xff' + PASSWORD.encode() + b'"')
    with (tmp_path / "password").open() as file:
        done = finish(start("put", "builtins.str", *option, "--home", served.home, stdin=file))
    assert (done.code, done.out) == (2, "")
    assert "standard input is no text in UTF-8" in done.err
    assert "Traceback" not in done.err
    assert PASSWORD not in done.err


@pytest.mark.parametrize(
    "arguments",
    [
        ["--arg", PASSWORD],
        ["--kwarg", PASSWORD],
        ["--kwarg", f"a={PASSWORD}"],
        ["--arg", f"@{PASSWORD}"],
    ],
)
def test_what_is_secret_is_in_no_error(served: Instance, cli: Cli, arguments: list[str]) -> None:
    assert PASSWORD in cli("put", "builtins.str", *arguments).error
    done = cli("put", "builtins.str", *arguments, "--secret")
    assert done.code == 2
    assert PASSWORD not in done.error


def test_a_secret_from_standard_input_is_shown_by_no_command(
    served: Instance, gate: Gate, tmp_path: Path
) -> None:
    """The whole way, as a person goes it: the process that puts has it in no argument."""
    put = ["put", "tests.jobs.secret.take", "--arg", json.dumps(gate.path), "--kwarg", "password=-"]
    home = ["--home", served.home]
    (tmp_path / "password").write_text(json.dumps(PASSWORD))
    with (tmp_path / "password").open() as file:
        done = finish(start(*put, "--secret", "--wait", "--json", *home, stdin=file))
    assert done.code == 0, done.err
    assert done.json["result"] == len(PASSWORD)
    assert done.json["interruptions"] == 1  # its note was kept when it was put back
    assert (done.json["args"], done.json["kwargs"]) == (["<secret>"], {"password": "<secret>"})
    for command in (["job", done.json["id"]], ["jobs"], ["status"]):
        for form in ([], ["--json"]):
            shown = finish(start(*command, *form, *home))
            assert PASSWORD not in shown.out + shown.err
    assert PASSWORD not in served.log + served.output


def test_a_failed_secret_call_shows_its_name_and_traceback_only(
    served: Instance, client: Client, cli: Cli
) -> None:
    failed = client.manager.thread.put(Partial(secret.fail, PASSWORD), secret=(0,))
    wrong = client.manager.thread.put(Partial(secret.fail, PASSWORD), secret=True)
    wrong.kwargs["pin"] = PASSWORD  # refused at a put
    client.commit()
    client.wait_for(failed, wrong)
    for partial in (failed, wrong):
        for form in ([], ["--json"]):
            done = cli("job", id_of(partial), *form)
            assert "<secret>" in done.out
            assert "tests.jobs.secret.fail" in done.out
            assert PASSWORD not in done.out + done.err
    assert PASSWORD not in served.log


def test_a_key_that_is_made_of_secret_arguments_is_shown_by_no_command(
    client: Client, cli: Cli
) -> None:
    partial = client.put(secret.fail, PASSWORD, unique=True, secret=True)
    client.wait_for(partial)
    for words in ([], ["--json"]):
        done = cli("job", id_of(partial), *words)
        assert (done.code, PASSWORD in done.out, "<secret>" in done.out) == (0, False, True)
