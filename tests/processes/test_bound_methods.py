"""Bound methods, put by a client: the right function runs in the worker."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable

import pytest

from tests.cli.conftest import finish, start
from tests.jobs import methods, samples
from tests.jobs.methods import METHODS, Document
from tests.support.instance import SHORT, Client, Instance
from zcasync.errors import BadCallable, NotAllowed


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_the_right_function_runs(common: Instance, client: Client, queue: str) -> None:
    document = client.add("methods", Document())
    answers = [answer for _, answer in METHODS.values()]
    puts = []
    for get, _ in METHODS.values():
        puts.append(client.manager.queue(queue).put(get(document)))
    client.commit()

    results = client.wait_for(*puts)

    assert dict(zip(METHODS, results, strict=True)) == dict(zip(METHODS, answers, strict=True))
    common.require_no_imports()


def test_the_right_function_runs_in_a_batch_and_as_a_callback(client: Client) -> None:
    document = client.add("batch", Document())
    puts = [client.put(document.save_of_base(), batch=True) for _ in range(5)]
    partial = client.manager.thread.put(samples.nothing)
    bound = functools.partial(types.MethodType(methods.listed, document), "after")
    callback = partial.addCallbacks(bound, failure=document.save)
    last = callback.addCallback(types.MethodType(methods.listed, document))
    client.commit()

    assert client.wait_for(*puts) == ["Base.save"] * 5
    client.wait_for(partial)
    assert (callback.result, last.result) == ("listed after None", "listed listed after None")


def test_a_patch_of_the_client_runs_in_the_worker_or_is_refused(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = client.add("patched", Document())
    monkeypatch.setattr(Document, "save", methods.put_in_later)
    monkeypatch.setattr(Document, "print", lambda self: "only here")

    partial = client.manager.thread.put(document.save)
    with pytest.raises(BadCallable, match=r"Document\.print was replaced"):
        client.manager.thread.put(document.print)
    client.commit()

    assert client.wait_for(partial) == "put_in_later of Document"


def test_the_commands_name_what_is_called(common: Instance, client: Client) -> None:
    document = client.add("shown", Document())
    partial = client.put(document.save_of_base())
    assert client.wait_for(partial) == "Base.save"
    done = finish(start("job", partial.id, "--home", common.home))
    assert "Base.save of <Document" in done.out
    done = finish(start("job", partial.id, "--json", "--home", common.home))
    assert '"callable": "tests.jobs.methods.Base.save"' in done.out


def test_the_rules_of_a_worker_ask_for_what_is_called(
    make_instance: Callable[..., Instance],
) -> None:
    path = "tests.jobs.methods"
    config = SHORT.replace("</zcasync>", f"  allow {path}.Document\n</zcasync>")
    client = make_instance(config=config).start().client
    document = client.add("ruled", Document())
    with pytest.raises(NotAllowed, match=rf"{path}\.Base\.save may not be called"):
        client.put(document.save_of_base())
    client.transactions.abort()
    assert client.wait_for(client.put(document.secret())) == "Document.__secret"
