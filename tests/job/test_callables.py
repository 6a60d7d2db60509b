"""How a callable is stored, and found again."""

import functools
import operator
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import zcasync
from tests.jobs import samples
from tests.jobs.samples import Demo, Plain
from tests.support.sessions import Session
from zcasync import Partial
from zcasync.errors import BadCallable, MissingCallable
from zcasync.job.callables import dotted, find, from_dotted, load_form, store_form

ROOT = Path(__file__).resolve().parent.parent.parent


@pytest.mark.parametrize(
    ("call", "stored"),
    [
        (samples.nothing, "tests.jobs.samples:nothing"),
        (len, "builtins:len"),
        (operator.add, "_operator:add"),
        (Demo, "tests.jobs.samples:Demo"),
        (Demo.make, "tests.jobs.samples:Demo.make"),
        (dict.fromkeys, None),
        (os.path.join, f"{os.path.__name__}:join"),
    ],
)
def test_a_callable_with_a_name_is_stored_by_its_name(
    call: Callable[..., Any], stored: str | None
) -> None:
    if stored is None:
        with pytest.raises(BadCallable):
            store_form(call)
    else:
        assert store_form(call) == stored
        assert load_form(stored) == call


@pytest.mark.parametrize("name", ["find", "open", "put"])
def test_what_an_application_imports_from_the_package_is_stored_by_that_name(name: str) -> None:
    call = getattr(zcasync, name)
    assert store_form(call) == f"zcasync:{name}"
    assert load_form(f"zcasync:{name}") is call
    assert load_form(f"zcasync.calls:{name}") is call, "where it has been stored by its place"
    code = f"from zcasync.job.callables import find; find('zcasync:{name}')"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_a_method_of_a_persistent_object_is_stored_with_the_object() -> None:
    demo = Demo()
    stored = store_form(demo.increase)

    assert stored == (demo, "increase")
    assert load_form(stored) == demo.increase
    assert dotted(stored) == "tests.jobs.samples.Demo.increase"


def test_persistent_callables_and_functools_partials_are_stored_themselves() -> None:
    partial = Partial(samples.nothing)
    bound = functools.partial(samples.multiply, 2)

    assert store_form(partial) is load_form(partial) is partial
    assert store_form(bound) is load_form(bound) is bound
    assert dotted(partial) == "zcasync.partial.Partial"
    assert dotted(bound) == "functools.partial(multiply)"
    assert Partial(bound, 3)() == 6


def nested() -> Callable[[], None]:
    """A function that only this call knows."""

    def inside() -> None: ...

    return inside


@pytest.mark.parametrize(
    ("call", "reason"),
    [
        (lambda: None, "lambdas, closures and nested functions"),
        (nested(), "lambdas, closures and nested functions"),
        (Plain().method, "of an object that is not persistent"),
        (Plain(), "has no name by which another process could import it"),
        ("abc".upper, "has no name by which another process could import it"),
        (operator.itemgetter(1), "has no name by which another process could import it"),
        (functools.partial(lambda: None), "lambdas, closures and nested functions"),
        (functools.partial(functools.partial(Plain().method)), "that is not persistent"),
        (42, "42 is not callable"),
        (None, "None is not callable"),
    ],
)
def test_a_callable_that_no_other_process_could_call_is_refused_with_the_reason(
    call: object, reason: str
) -> None:
    with pytest.raises(BadCallable, match=reason):
        Partial(call)
    with pytest.raises(TypeError):  # for callers that do not know us
        Partial(call)


def test_a_shadowed_function_is_refused() -> None:
    shadow = functools.wraps(samples.nothing)(lambda: None)

    with pytest.raises(BadCallable, match="does not lead back"):
        Partial(shadow)


def run(code: list[str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """A Python of its own."""
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{cwd}"}
    return subprocess.run(
        [sys.executable, *code], env=environment, text=True, capture_output=True, timeout=60
    )


def test_a_function_of_a_script_is_refused_and_one_of_a_module_run_with_m_is_not(
    tmp_path: Path,
) -> None:
    script = tmp_path / "its_main.py"
    script.write_text(
        "from zcasync import Partial\n"
        "def job(): pass\n"
        "if __name__ == '__main__':\n"
        "    try: print(Partial(job)._call)\n"
        "    except TypeError as error: print(error)\n"
    )

    assert (
        "in the script that runs (__main__): move it to a module"
        in run([str(script)], tmp_path).stdout
    )
    assert run(["-m", "its_main"], tmp_path).stdout == "its_main:job\n"


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("no.such.module:call", "module 'no.such.module' of callable no.such.module.call cannot"),
        ("tests.jobs.samples:gone", "module 'tests.jobs.samples' has no 'gone'"),
        ("tests.jobs.samples:Demo.gone", "module 'tests.jobs.samples' has no 'Demo.gone'"),
        ("with_syntax_error:call", "cannot be imported here: SyntaxError"),
        ("with_own_trouble:call", "cannot be imported here: ZeroDivisionError: division by zero"),
        ("script:call", "cannot be imported here: SystemExit: usage"),
    ],
)
def test_a_missing_callable_says_what_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, problem: str
) -> None:
    (tmp_path / "with_syntax_error.py").write_text("def call(:\n")
    (tmp_path / "with_own_trouble.py").write_text("1 / 0\n")
    (tmp_path / "script.py").write_text("import sys; sys.exit('usage')\n")
    monkeypatch.syspath_prepend(str(tmp_path))

    with pytest.raises(MissingCallable, match=problem):
        find(name)


def test_a_method_that_has_vanished_says_so(session: Session) -> None:
    demo = session.keep(Demo())

    with pytest.raises(MissingCallable, match="Demo has no method 'vanished'"):
        load_form((demo, "vanished"))


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("builtins.len", len),
        ("os.path.join", os.path.join),
        ("tests.jobs.samples.Demo.make", Demo.make),
        ("tests.jobs.samples:nothing", samples.nothing),
    ],
)
def test_a_callable_can_be_named_with_dots(name: str, call: Callable[..., Any]) -> None:
    assert from_dotted(name) == call


@pytest.mark.parametrize("name", ["len", "", "a b.c", "os..path", "1.2", ".os.path"])
def test_text_that_is_no_dotted_name_is_refused(name: str) -> None:
    with pytest.raises(MissingCallable, match="is not a dotted name"):
        from_dotted(name)


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("os.path.nothing", "has no 'nothing'"),
        ("no_such_package.module.call", "cannot be imported"),
    ],
)
def test_a_dotted_name_that_leads_nowhere_says_where_it_ends(name: str, problem: str) -> None:
    with pytest.raises(MissingCallable, match=problem):
        from_dotted(name)


def test_a_callable_is_found_although_another_thread_imports_its_module_just_now(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    body = (
        "import slow_gate\nslow_gate.begun.set()\nslow_gate.go_on.wait(30)\ndef late(): return 1\n"
    )
    (tmp_path / "imported_slowly.py").write_text(body)
    gate: Any = ModuleType("slow_gate")
    gate.begun, gate.go_on = threading.Event(), threading.Event()
    monkeypatch.setitem(sys.modules, "slow_gate", gate)
    monkeypatch.syspath_prepend(tmp_path)
    with ThreadPoolExecutor(2) as threads:
        first = threads.submit(find, "imported_slowly:late")
        assert gate.begun.wait(30)
        second = threads.submit(find, "imported_slowly:late")
        with pytest.raises(TimeoutError):
            second.result(0.2)
        gate.go_on.set()
        assert (first.result(30)(), second.result(30)()) == (1, 1)
    del sys.modules["imported_slowly"]
