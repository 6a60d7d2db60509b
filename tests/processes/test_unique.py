"""Unique calls with real clients, children and kills: nothing that was put is left out."""

from __future__ import annotations

import os
import random
import signal
import threading
from typing import Any

import pytest
from BTrees.OOBTree import OOBTree
from ZODB.POSException import ConflictError

from tests.jobs import basic as jobs
from tests.jobs import indexing
from tests.support.gates import Gate
from tests.support.instance import Client, Instance
from zcasync import Partial
from zcasync.interfaces import PENDING

CLIENTS, PUTS, DOCUMENTS = 4, 60, 3


class Editor(threading.Thread):
    """A client that puts parts of documents, each in a transaction repeated on conflicts."""

    def __init__(self, instance: Instance, number: int) -> None:
        super().__init__()
        self._client = instance.new_client()
        self._oid = instance.client.main.root()["index"]._p_oid
        self._numbers = range(number * PUTS, (number + 1) * PUTS)
        self._chance = random.Random(number)
        self.put: dict[str, set[int]] = {}
        self.conflicts = 0

    def run(self) -> None:
        for number in self._numbers:
            document = f"document {self._chance.randrange(DOCUMENTS)}"
            while not self._index(document, number):
                self.conflicts += 1
            self.put.setdefault(document, set()).add(number)

    def _index(self, document: str, number: int) -> bool:
        self._client.sync()
        index = self._client.main.get(self._oid)
        self._client.manager.thread.put(Partial(indexing.index, index, document, {number}))
        try:
            self._client.commit()
        except ConflictError:
            self._client.transactions.abort()
            return False
        return True


def put(client: Client, call: Any, *args: Any, **options: Any) -> Partial:
    """Put in a transaction that is repeated on conflicts, as those of applications are."""
    while True:
        client.sync()
        try:
            return client.put(call, *args, **options)
        except ConflictError:
            client.transactions.abort()


def test_whatever_is_put_is_in_a_call_that_begins_after_it_while_children_are_killed(
    common: Instance, client: Client
) -> None:
    index = client.add("index", indexing.Index())
    editors = [Editor(common, number) for number in range(CLIENTS)]
    for editor in editors:
        editor.start()
    kills = 0
    while any(editor.is_alive() for editor in editors):
        editors[0].join(2)
        if kills < 3 and editors[0].is_alive():
            for pid in common.child_pids()[:1]:
                os.kill(pid, signal.SIGKILL)
                kills += 1
    for editor in editors:
        editor.join()
    expected: dict[str, set[int]] = {}
    for editor in editors:
        for document, numbers in editor.put.items():
            expected.setdefault(document, set()).update(numbers)
    client.wait_until(
        lambda: {name: set(found) for name, found in index.parts.items()} == expected,
        "all parts to be indexed",
        timeout=120,
    )
    puts = sum(map(len, expected.values()))
    assert puts == CLIENTS * PUTS
    assert sum(index.times.values()) <= puts


def test_one_call_of_a_key_is_there_at_a_time_whoever_puts_it(client: Client, gate: Gate) -> None:
    first = put(client, jobs.pass_gate, gate.path, unique="key")
    gate.wait_for()
    assert put(client, jobs.pass_gate, gate.path, unique="key") is first
    following = put(client, jobs.pass_gate, gate.path, unique="key", unique_states="pending")
    assert following is not first
    assert following.state == PENDING
    gate.open()
    client.wait_for(first, following)
    again = put(client, jobs.pass_gate, gate.path, unique="key")
    assert again not in (first, following)
    client.wait_for(again)


def test_keys_are_free_again_behind_the_ends_of_their_calls(client: Client) -> None:
    partials = [put(client, jobs.nothing, unique=f"{number}") for number in range(30)]
    client.wait_for(*partials)

    def left() -> int:
        table: dict[int, OOBTree] = client.manager.thread.keys
        return sum(len(tree) for tree in table.values())

    client.wait_until(lambda: left() == 0, "the keys to be free")


@pytest.mark.parametrize("policy", ["keep", "replace"])
def test_a_unique_call_that_is_retried_by_hand_has_its_key_again(
    client: Client, policy: str
) -> None:
    partial = put(client, jobs.raise_text, "no", unique=policy)
    client.wait_for(partial)
    client.manager.thread.put_again([partial])
    call = Partial(jobs.raise_text, "yes")
    joined = client.manager.thread.put(call, unique=policy, if_exists=policy)
    client.commit()
    assert joined is partial
    failure = client.wait_for(partial)
    assert failure.getErrorMessage() == ("no" if policy == "keep" else "yes")
