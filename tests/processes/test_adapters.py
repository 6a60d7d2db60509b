"""Jobs find the adapters of zcasync and of the application in processes that zcasync starts."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.instance import Instance
from zcasync.partial import Partial

#: A job's module: it registers an adapter of its own in the place of one of zcasync's.
OWN = """
from zope.component import provideAdapter
from zcasync.adapters import partial_to_datamanager
from zcasync.interfaces import IDataManager, IPartial


def mine(partial):
    found = partial_to_datamanager(partial)
    partial.annotations["asked"] = True
    return found


provideAdapter(mine, [IPartial], IDataManager)


def ask(partial):
    return IDataManager(partial) is not None and partial.annotations.get("asked")
"""


@pytest.mark.usefixtures("registry")
def test_an_adapter_that_a_job_s_module_registers_wins(
    make_instance: Callable[..., Instance], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "own_adapter.py").write_text(OWN)
    monkeypatch.syspath_prepend(tmp_path)
    ask = importlib.import_module("own_adapter").ask
    instance = make_instance()
    instance.import_path = [*instance.import_path, tmp_path]
    client = instance.start().client
    asked = []
    for queue in (client.manager.thread, client.manager.reactor):
        asked.append(queue.put(Partial.bind(ask)))
        client.commit()
    assert client.wait_for(*asked) == [True, True]
