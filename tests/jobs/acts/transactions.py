"""What a job does to its transaction manager, its connection and its database."""

from __future__ import annotations

import threading
from typing import Any

import transaction

import zcasync
from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import CHILD, EVERY, REACTOR, End, act
from zcasync.interfaces import IDataManager

#: What has to live on: managers refer to synchronizers weakly.
KEPT: list[Any] = []


class Synchronizer:
    """A synchronizer that raises in one of its methods."""

    def __init__(self, method: str) -> None:
        self._method = method

    def _called(self, method: str) -> None:
        if method == self._method:
            raise OSError(f"{method} of a synchronizer fails")

    def beforeCompletion(self, txn: Any) -> None:
        self._called("beforeCompletion")

    def afterCompletion(self, txn: Any) -> None:
        self._called("afterCompletion")

    def newTransaction(self, txn: Any) -> None:
        self._called("newTransaction")


def _register(scene: Scene, method: str) -> None:
    KEPT.append(Synchronizer(method))
    scene.manager.registerSynch(KEPT[-1])


@act(End.ERROR, error="beforeCompletion", forms=EVERY)
def synchronizer_raises_before_completion(scene: Scene) -> None:
    _register(scene, "beforeCompletion")


@act(forms=EVERY)
def synchronizer_raises_after_completion(scene: Scene) -> None:
    _register(scene, "afterCompletion")


@act(End.ERROR, error="the job's own error", forms=EVERY)
def synchronizer_raises_after_an_abort(scene: Scene) -> None:
    _register(scene, "afterCompletion")
    raise KeyError("the job's own error")


@act(forms=CHILD)
def synchronizer_raises_in_new_transactions(scene: Scene) -> None:
    # Registered while one is there, it is called at once.
    KEPT.append(Synchronizer(""))
    scene.manager.registerSynch(KEPT[-1])
    KEPT[-1]._method = "newTransaction"


@act(forms=CHILD)
def clears_synchronizers(scene: Scene) -> None:
    scene.manager.clearSynchs()


@act(End.ERROR, error="Doomed", forms=EVERY)
def dooms_its_transaction(scene: Scene) -> None:
    scene.manager.get().doom()


@act(forms=CHILD)
def leaves_explicit_mode(scene: Scene) -> None:
    scene.manager.explicit = True


@act(End.RIGHT, effects={End.RIGHT: 0}, forms=EVERY, own_transaction=True)
def begins(scene: Scene) -> None:
    scene.manager.begin()


@act(forms=EVERY, own_transaction=True)
def commits(scene: Scene) -> None:
    scene.manager.commit()


@act(End.ERROR, effects={End.ERROR: 1}, error="own error", forms=EVERY, own_transaction=True)
def commits_and_raises(scene: Scene) -> None:
    scene.manager.commit()
    raise KeyError("the job's own error")


@act(End.RIGHT, effects={End.RIGHT: 0}, forms=EVERY, own_transaction=True)
def aborts(scene: Scene) -> None:
    scene.manager.abort()


@act(End.ERROR, error="StateError", forms=CHILD)
def closes_its_connection_with_changes(scene: Scene) -> None:
    scene._p_jar.close()


@act(End.RIGHT, End.ERROR, effects={End.ERROR: 1}, forms=CHILD, own_transaction=True)
def closes_its_connection(scene: Scene) -> None:
    if scene.is_first("closes_its_connection's commit"):
        scene.manager.commit()
    else:
        scene.manager.abort()
    scene._p_jar.close()


@act(End.ERROR, End.CRASH, error="closed its database", forms=CHILD)
def closes_its_database(scene: Scene) -> None:
    scene._p_jar.db().close()


@act(End.ERROR, End.CRASH, error="closed its database", forms=CHILD)
def closes_its_storage(scene: Scene) -> None:
    scene._p_jar.db().storage.close()


@act(End.ERROR, error="cannot close the database of its supervisor", forms=(REACTOR,))
def closes_its_supervisors_database(scene: Scene) -> None:
    scene._p_jar.db().close()


@act(End.ERROR, error="cannot close the database of its supervisor", forms=(REACTOR,))
def closes_its_supervisors_storage(scene: Scene) -> None:
    scene._p_jar.db().storage.close()


@act(End.RIGHT, effects={End.RIGHT: 1}, forms=(REACTOR,), own_transaction=True)
def closes_its_connection_in_the_reactor(scene: Scene) -> None:
    scene.manager.commit()
    scene._p_jar.close()


@act()
def leaves_a_connection_open(scene: Scene) -> None:
    KEPT.append(scene._p_jar.db().open(transaction.TransactionManager()))
    KEPT[-1].root()


@act()
def leaves_a_connection_of_its_manager_open(scene: Scene) -> None:
    KEPT.append(scene._p_jar.db().open(scene.manager))
    KEPT[-1].root()


@act()
def leaves_its_manager_replaced(scene: Scene) -> None:
    transaction.manager.manager = transaction.TransactionManager()


@act()
def leaves_notes_and_data(scene: Scene) -> None:
    txn = scene.manager.get()
    txn.note("a note of a job")
    txn.setUser("somebody")
    txn.setExtendedInfo("kind", "a job")
    txn.set_data(scene, "data of a job")


@act(forms=EVERY)
def asks_for_the_data_manager(scene: Scene) -> None:
    assert type(IDataManager(zcasync.current())).__name__ == "DataManager"


@act()
def leaves_a_savepoint(scene: Scene) -> None:
    KEPT.append(scene.manager.get().savepoint())


@act()
def leaves_a_transaction_in_a_thread(scene: Scene) -> None:
    db = scene._p_jar.db()

    def work() -> None:
        transaction.begin()
        KEPT.append(db.open())
        KEPT[-1].root()["a thread's"] = 1

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
