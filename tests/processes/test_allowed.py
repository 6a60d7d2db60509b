"""The setting ``allow`` in a supervisor, its children, and the commands of its home."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import transaction
from ZODB import DB

from tests.cli.conftest import finish, start
from tests.jobs import basic, samples
from tests.support.instance import SHORT, Instance
from zcasync.database.opening import open_servers
from zcasync.datamanager import find
from zcasync.errors import NotAllowed
from zcasync.instance.home import Home

CONFIG = SHORT.replace("</zcasync>", "  allow tests.jobs.samples\n  allow math\n</zcasync>")


def unruled(home: Path) -> DB:
    """The same database for a process that knows nothing of the rules."""
    return open_servers({"main": [[str(Home(home).zeo_socket)], "1"]}, 30.0)


@pytest.mark.parametrize("queue", ["thread", "reactor"])
def test_neither_clients_nor_workers_let_anything_else_be_called(
    make_instance: Callable[..., Instance], queue: str
) -> None:
    instance = make_instance(config=CONFIG).start()
    client = instance.client
    with pytest.raises(NotAllowed, match=f"the setting allow of {instance.home} names"):
        client.put(basic.process, queue=queue)
    client.transactions.abort()
    assert client.wait_for(client.put(samples.make_seven, queue=queue)) == 7
    db = unruled(instance.home)
    manager = transaction.TransactionManager()
    connection = db.open(transaction_manager=manager)
    put = find(connection).queue(queue).put(basic.process)  # type: ignore[union-attr]
    manager.commit()
    client.sync()
    found = client.connection.get(put._p_oid)
    assert client.wait_for(found).type is NotAllowed
    connection.close()
    db.close()


def test_the_command_line_names_the_setting(make_instance: Callable[..., Instance]) -> None:
    instance = make_instance(config=CONFIG).start()
    put = ["put", "operator.add", "--arg", "1", "--arg", "2", "--home", instance.home]
    done = finish(start(*put))
    assert done.code == 2
    assert "_operator.add may not be called: the setting allow" in done.error
    done = finish(start("put", "math.factorial", "--arg", "5", "--wait", "--home", instance.home))
    assert (done.code, done.out) == (0, "120\n"), done.err
