"""Group commit: what jobs register with the transaction that they share, beside their changes."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
import transaction
from transaction.interfaces import DoomedTransaction
from ZODB.POSException import ConflictError

from tests.support.job_threads import CALLS, Account, Bench
from zcasync import Partial

#: What was called of all that jobs have registered, in order, and what commits were called.
HEARD: list[Any] = []
#: What keeps synchronizers and keys of data alive.
KEPT: dict[str, Any] = {}


class Synchronizer:
    """Says when a transaction ends."""

    def __init__(self, name: str) -> None:
        self.name = name

    def newTransaction(self, txn: Any) -> None:
        """Nothing."""

    def beforeCompletion(self, txn: Any) -> None:
        HEARD.append(f"{self.name} synchronizer")

    def afterCompletion(self, txn: Any) -> None:
        """Nothing."""


class Mail:
    """A data manager: sends its mails when the transaction is committed."""

    transaction_manager = transaction.manager

    def __init__(self, *mails: str) -> None:
        self.mails = list(mails)

    def tpc_begin(self, txn: Any) -> None:
        """Nothing."""

    commit = tpc_vote = tpc_begin

    def tpc_finish(self, txn: Any) -> None:
        HEARD.extend(self.mails)

    def abort(self, txn: Any) -> None:
        self.mails = []

    tpc_abort = abort

    def sortKey(self) -> str:
        return "mail"


class MailWithSavepoints(Mail):
    """Can be rolled back."""

    def savepoint(self) -> Any:
        return Rollback(self, list(self.mails))


class Rollback:
    """Of mails."""

    def __init__(self, mail: Mail, mails: list[str]) -> None:
        self._mail, self._mails = mail, mails

    def rollback(self) -> None:
        self._mail.mails = list(self._mails)


def hear(*args: Any) -> None:
    HEARD.append(args[-1] if len(args) == 1 else args)


def before_commit(name: str) -> None:
    transaction.get().addBeforeCommitHook(hear, (f"{name} before",))


def after_commit(name: str) -> None:
    transaction.get().addAfterCommitHook(hear, (f"{name} after",))


def before_abort(name: str) -> None:
    transaction.get().addBeforeAbortHook(hear, (f"{name} before abort",))


def after_abort(name: str) -> None:
    transaction.get().addAfterAbortHook(hear, (f"{name} after abort",))


def synchronizer(name: str) -> None:
    KEPT[name] = Synchronizer(name)
    transaction.manager.registerSynch(KEPT[name])


def note(name: str) -> None:
    transaction.get().note(f"{name} note")


def user(name: str) -> None:
    transaction.get().setUser(name)


def extension(name: str) -> None:
    transaction.get().setExtendedInfo("by", name)


def data(name: str) -> None:
    transaction.get().set_data(KEPT.setdefault("key", object()), name)


def mail(name: str) -> None:
    transaction.get().join(Mail(f"{name} mail"))


def mail_with_savepoints(name: str) -> None:
    transaction.get().join(MailWithSavepoints(f"{name} mail"))


def doom(name: str) -> None:
    transaction.doom()


def leave_job_and_hear(name: str) -> None:
    """Hooks for the abort; the last one leaves a change, which belongs to no job."""
    before_abort(name)
    after_abort(name)
    transaction.get().addAfterAbortHook(KEPT["account"]().add, (100,))


def watch(name: str) -> None:
    """Say in the end what the transaction has."""
    txn = transaction.get()

    def look() -> None:
        HEARD.append((txn.description, txn.user, dict(txn.extension), data_of(txn)))

    txn.addBeforeCommitHook(look)
    txn.addAfterCommitHook(lambda is_committed: HEARD.append("committed"))


def data_of(txn: Any) -> Any:
    try:
        return txn.data(KEPT.get("key"))
    except KeyError:
        return None


#: Each way to register something.
WAYS = [
    before_commit, after_commit, before_abort, after_abort, synchronizer, note, user, extension,
    data, mail, mail_with_savepoints, doom,
]  # fmt: skip
#: What is of the whole transaction.
LABELS = [user, extension, data, doom]


class Failing(Account):
    """Registers something, in the way that is asked for."""

    def register(self, way: Callable[[str], None], name: str) -> int:
        CALLS.append(name)
        way(name)
        return self.add()

    def register_and_raise(self, way: Callable[[str], None], name: str, error: Any) -> int:
        self.register(way, name)
        if error is ValueError or CALLS.count(name) == 1:
            raise error("as it was told")
        return self.value


@pytest.fixture(autouse=True)
def nothing_is_kept() -> Iterator[None]:
    HEARD.clear()
    KEPT.clear()
    yield
    for kept in KEPT.values():
        if isinstance(kept, Synchronizer):
            with suppress(KeyError):  # taken back
                transaction.manager.unregisterSynch(kept)


@pytest.fixture
def account(bench: Bench) -> Failing:
    kept: Failing = bench.client.keep(Failing(), "failing")
    KEPT["account"] = lambda: (
        transaction.get() and bench._thread._database.job_connection.connection.get(kept._p_oid)
    )
    return kept


# of members that fail


@pytest.mark.parametrize("error", [ValueError, ConflictError])
@pytest.mark.parametrize("way", WAYS)
def test_what_a_failed_member_has_registered_does_not_go_with_the_group(
    bench: Bench, account: Failing, way: Callable[[str], None], error: type[Exception]
) -> None:
    partials = bench.claim(
        Partial(account.register, note, "first"),
        Partial(account.register_and_raise, way, "failed", error),
        Partial(account.register, watch, "last"),
    )
    bench.run(partials)

    assert [partials[0].result, partials[2].result] == [1, 2]
    assert CALLS == ["first", "failed", "last", "failed"]
    of_the_group = HEARD[: HEARD.index("committed")]
    assert [heard for heard in of_the_group if "abort" not in heard] == [
        ("first note", "", {}, None)
    ]


@pytest.mark.parametrize("error", [ValueError, ConflictError])
def test_the_abort_hooks_of_a_failed_member_are_called_when_it_is_taken_out(
    bench: Bench, account: Failing, error: type[Exception]
) -> None:
    partials = bench.claim(
        Partial(account.register, before_abort, "first"),
        Partial(account.register_and_raise, leave_job_and_hear, "failed", error),
        Partial(account.register, note, "last"),
    )
    bench.run(partials)

    of_one_abort = ["failed before abort", "failed after abort"]
    assert of_one_abort * (2 if error is ValueError else 1) == HEARD
    assert account.value == (2 if error is ValueError else 3)


def test_what_a_member_has_joined_that_cannot_be_rolled_back_lets_each_run_alone(
    bench: Bench, account: Failing
) -> None:
    partials = bench.claim(
        Partial(account.register, mail, "first"),
        Partial(account.register_and_raise, mail, "failed", ValueError),
        Partial(account.register, mail, "last"),
    )
    bench.run(partials)

    assert sorted(HEARD) == ["first mail", "last mail"]
    assert account.value == 2


def test_a_synchronizer_that_a_failed_member_has_taken_away_is_back(
    bench: Bench, account: Failing
) -> None:
    synchronizer("kept")
    partials = bench.claim(
        Partial(account.register_and_raise, no_synchronizer, "failed", ValueError),
        Partial(account.register, watch, "last"),
    )
    bench.run(partials)

    look = ("", "", {}, None)
    assert HEARD[HEARD.index(look) : HEARD.index("committed")] == [look, "kept synchronizer"]


def no_synchronizer(name: str) -> None:
    if CALLS.count(name) == 1:
        transaction.manager.unregisterSynch(KEPT["kept"])


# of members that succeed


def test_hooks_notes_and_data_managers_of_all_members_are_those_of_their_commit(
    bench: Bench, account: Failing
) -> None:
    ways = [note, before_commit, note, after_commit, mail_with_savepoints, watch]
    partials = bench.claim(*[Partial(account.register, way, f"{n}") for n, way in enumerate(ways)])

    assert bench.run(partials) == 1
    assert HEARD == [
        "1 before",
        ("0 note\n2 note", "", {}, None),
        "4 mail",
        (True, "3 after"),
        "committed",
    ]


@pytest.mark.parametrize("way", LABELS)
def test_a_member_that_labels_the_whole_transaction_has_one_of_its_own(
    bench: Bench, account: Failing, way: Callable[[str], None]
) -> None:
    """Else the commit would say of the others' changes that they are this user's."""
    partials = bench.claim(
        Partial(account.register, watch, "first"),
        Partial(account.register, label_and_watch, way.__name__),
        Partial(account.register, watch, "last"),
    )
    bench.run(partials)

    assert ["first", way.__name__, "last", way.__name__] == CALLS
    assert HEARD[:4] == [("", "", {}, None)] * 2 + ["committed"] * 2
    if way is doom:
        assert partials[1].result.check(DoomedTransaction)
    else:
        assert HEARD[4] != HEARD[0]
        assert HEARD[5:] == ["committed"]


def label_and_watch(name: str) -> None:
    globals()[name](name)
    watch(name)


def test_a_member_that_labels_the_transaction_at_once_is_not_called_twice(
    bench: Bench, account: Failing
) -> None:
    partials = bench.claim(*[Partial(account.register, user, f"{n}") for n in range(3)])

    assert bench.run(partials) == 3
    assert CALLS == ["0", "1", "2"]


def test_a_hook_that_fails_before_the_commit_lets_each_run_alone(
    bench: Bench, account: Failing
) -> None:
    partials = bench.claim(
        Partial(account.register, after_commit, "first"),
        Partial(account.register, leave_before, "failing"),
    )
    bench.run(partials)

    assert partials[0].result == 1
    assert partials[1].result.check(SystemExit)
    assert HEARD == [(True, "first after")]


def leave_before(name: str) -> None:
    transaction.get().addBeforeCommitHook(sys.exit, (3,))
