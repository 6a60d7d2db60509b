"""The patterns of docs/story.rst once more, through real children and a real reactor.

The shop is a module in a folder that the worker imports from, as a guide has it: it registers
nothing, and configures nothing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.processes.servers import AT_SERVER, Server
from tests.support.instance import SHORT, Instance, short_folder
from tests.support.leftovers import MAY_RUN
from zcasync.partial import Partial

SHOP = Path(__file__).parents[1] / "docs" / "shop.py"
#: The clock of the story is moved; here dough rises for a second, and nobody takes trays out.
IN_REAL_TIME = {
    "Partial(rise, 5)": "Partial(rise, 1 / 60)",
    "    GO_ON.wait(60)\n    return 42": "    return 42",
}


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    with short_folder() as folder:
        yield folder


@pytest.fixture(scope="module")
def shop(place: Path) -> Iterator[Any]:
    """The module of the shop, which this process and the worker import."""
    code = SHOP.read_text()
    for old, new in IN_REAL_TIME.items():
        assert old in code
        code = code.replace(old, new)
    (place / "bakers_shop.py").write_text(code)
    sys.path.insert(0, str(place))
    yield importlib.import_module("bakers_shop")
    sys.path.remove(str(place))
    del sys.modules["bakers_shop"]


@pytest.fixture(scope="module", params=["embedded", "zeo"])
def instance(place: Path, shop: Any, request: pytest.FixtureRequest) -> Iterator[Instance]:
    """A worker with one child, as the story has it, with its own database server or with ZEO's."""
    if request.param == "embedded":
        with at_work(place, shop, "home", SHORT) as made:
            yield made
        return
    server = Server(place).start()
    MAY_RUN.add(server.pid)
    try:
        with at_work(place, shop, "beside", AT_SERVER.format(port=server.port) + SHORT) as made:
            yield made
    finally:
        server.stop()
        MAY_RUN.discard(server.pid)


@contextmanager
def at_work(place: Path, shop: Any, name: str, config: str) -> Iterator[Instance]:
    """A worker whose home has this name and configuration, with the shop's shelf in its data."""
    made = Instance(place / name, children=1, config=config)
    made.import_path.append(place)
    try:
        made.start().client.add("shelf", shop.Shelf())
        yield made
    finally:
        made.end()


@pytest.fixture
def dm(instance: Instance) -> Any:
    """The data manager."""
    instance.client.sync()
    return instance.client.manager


@pytest.fixture
def shelf(instance: Instance, dm: Any) -> Any:
    return instance.client.main.root()["shelf"]


def finish(instance: Instance, *partials: Partial) -> Any:
    """Commit what was put, and wait for it."""
    instance.client.commit()
    return instance.client.wait_for(*partials)


def test_a_method_changes_the_stored_object(instance: Instance, dm: Any, shelf: Any) -> None:
    loaves = shelf.loaves
    for queue in (dm.thread, dm.reactor):
        loaves += 5
        assert finish(instance, queue.put(Partial(shelf.add, count=5))) == loaves
    assert shelf.loaves == loaves


def test_a_bound_partial_writes_notes_of_its_own(instance: Instance, dm: Any, shop: Any) -> None:
    partial = dm.thread.put(Partial.bind(shop.sign, "Ada", note="more salt"))
    assert finish(instance, partial) == "Ada: more salt, while the job was active"
    assert dict(partial.annotations) == {"baker": "Ada"}


def test_what_is_raised_changes_nothing_and_what_is_returned_does(
    instance: Instance, dm: Any, shop: Any, shelf: Any
) -> None:
    loaves = shelf.loaves
    raised = dm.thread.put(Partial(shop.drop, shelf))
    assert finish(instance, raised).check(ValueError)
    assert shelf.loaves == loaves
    returned = dm.thread.put(Partial(shop.drop_and_report, shelf))
    assert finish(instance, returned).getErrorMessage() == "one loaf is burnt"
    assert shelf.loaves == loaves + 1
    assert returned.unhandled_error


def test_a_chain_has_one_handler_at_its_end(
    instance: Instance, dm: Any, shop: Any, shelf: Any
) -> None:
    order = dm.thread.put(Partial(shop.drop, shelf))
    sliced = order.addCallbacks(success=shop.slice_up)
    stacked = sliced.addCallbacks(success=shop.stack)
    regret = stacked.addCallbacks(failure=shop.apologise)
    finish(instance, order)
    assert [one.result.type for one in (order, sliced, stacked)] == [ValueError] * 3
    assert regret.result == "sorry: the tray fell down"
    assert not order.unhandled_error


def test_a_callback_adds_a_callback(instance: Instance, dm: Any, shop: Any, shelf: Any) -> None:
    order = dm.thread.put(Partial(shelf.add, 0))
    order.addCallback(Partial.bind(shop.ask_for_more, order))
    loaves = finish(instance, order)
    assert [one.result for one in order.callbacks] == ["asked", f"a stack of {loaves}"]


def test_a_job_puts_a_job_and_waits_for_it(instance: Instance, dm: Any, shop: Any) -> None:
    order = dm.thread.put(Partial(shop.price, 4))
    delivery = order.addCallbacks(Partial.bind(shop.deliver))
    assert finish(instance, order, delivery) == [12, 35]


def test_a_thread_job_waits_for_one_that_waits_for_a_reactor_job(
    instance: Instance, dm: Any, shop: Any
) -> None:
    day = dm.thread.put(Partial.bind(shop.plan_day))
    party = day.addCallback(shop.stack)
    bill = dm.thread.put(Partial(shop.price, 2))
    risen = f"risen for {1 / 60} minutes"
    assert finish(instance, day, bill) == [risen, 6]
    assert finish(instance, party) == f"a stack of {risen}"


def test_a_thread_job_has_the_reactor_of_its_process_make_a_twist_partial(
    instance: Instance, dm: Any, shop: Any
) -> None:
    baking = dm.thread.put(Partial.bind(shop.bake_trays))
    assert finish(instance, baking) == 42
    instance.client.wait_until(
        lambda: baking.annotations.get("shop.half_done"), "the note of the baker to be there"
    )


def test_a_returned_failure_ends_a_job_that_has_no_time(
    instance: Instance, dm: Any, shop: Any
) -> None:
    kneading = dm.thread.put(Partial(shop.knead, 3, seconds_left=100, seconds_each=45))
    assert finish(instance, kneading).check(TimeoutError)


def test_thread_jobs_run_in_another_thread_than_reactor_jobs(
    instance: Instance, dm: Any, shop: Any
) -> None:
    in_thread, in_reactor = dm.thread.put(shop.which_thread), dm.reactor.put(shop.which_thread)
    assert finish(instance, in_thread, in_reactor) == ["another", "main"]
