"""What a job leaves in its transaction is its own error, and never a storage that is away."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import transaction
from twisted.internet.defer import Deferred
from ZEO.Exceptions import ClientDisconnected

from tests.jobs.acts.commits import Participant
from tests.support.job_threads import CALLS, Account, Bench
from zcasync import Partial, current
from zcasync.protocol.outcomes import Ending

STEPS = ("tpc_begin", "commit", "tpc_vote", "tpc_finish")
CLEANING = ("abort", "tpc_abort")
ERRORS = (ConnectionRefusedError(111, "refused"), TimeoutError("late"), ClientDisconnected("other"))
#: What keeps synchronizers alive.
KEPT: list[Any] = []


class Synchronizer:
    """Raises in one of its methods."""

    def __init__(self, name: str, error: BaseException) -> None:
        self._name, self._error = name, error

    def _called(self, name: str) -> None:
        if name == self._name:
            raise self._error

    def newTransaction(self, txn: Any) -> None:
        self._called("newTransaction")

    def beforeCompletion(self, txn: Any) -> None:
        self._called("beforeCompletion")

    def afterCompletion(self, txn: Any) -> None:
        self._called("afterCompletion")


@pytest.fixture(autouse=True)
def kept() -> Iterator[None]:
    KEPT.clear()
    CALLS.clear()
    yield
    transaction.manager.explicit = False
    transaction.manager.clearSynchs()


def join(account: Account, fails: bool = False) -> int:
    """Change something, let the participant take part; then perhaps raise."""
    transaction.get().join(KEPT[0])
    if fails:
        account.add()
        raise KeyError("the job's own error")
    return account.add()


def register(account: Account) -> int:
    """Change something, and let the synchronizer be told."""
    transaction.manager.registerSynch(KEPT[0])
    return account.add()


def leave_explicit(account: Account, fails: bool = False) -> int:
    transaction.manager.explicit = True
    if fails:
        raise KeyError("the job's own error")
    return account.add()


def leave_explicit_without_one(account: Account, fails: bool = False) -> None:
    transaction.manager.explicit = True
    transaction.abort()
    if fails:
        raise KeyError("the job's own error")


def tell_nobody() -> None:
    transaction.manager.clearSynchs()


def add_and_close(account: Account, number: int = 1) -> int:
    value = account.add(number)
    transaction.commit()
    account._p_jar.close()
    return value


def add_and_wait(account: Account) -> Any:
    CALLS.append("waits")
    account.add(10)
    return Deferred()


def close(*result: int) -> None:
    partial = current()
    assert partial is not None
    partial._p_jar.close()


def close_and_raise() -> None:
    close()
    raise KeyError("the job's own error")


def fail_with(call: Callable[[], None]) -> None:
    """A hook before the commit raises."""
    transaction.get().addBeforeCommitHook(call)


def refuse() -> None:
    raise ConnectionResetError(104, "the index is away")


def results(bench: Bench, *calls: Any, batch: bool) -> list[Any]:
    """The results of these jobs and of one behind them, which adds 1000."""
    partials = bench.claim(*calls, Partial(bench.account.add, 1000), batch=batch)
    bench.run(partials)
    assert Ending.STORAGE not in {ending for _, ending in bench.endings}
    return [partial.result for partial in partials]


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("order", ["", "~~"], ids=["before the database", "behind it"])
@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
@pytest.mark.parametrize("step", STEPS)
def test_a_participant_that_raises_is_the_jobs_own_error(
    bench: Bench, step: str, error: Exception, order: str, batch: bool
) -> None:
    KEPT.append(Participant({step: error}, order))

    found = results(bench, Partial(join, bench.account), batch=batch)

    if step == "tpc_finish" and order:  # the database has the commit by then
        assert found == [1, 1001]
    else:
        assert found[0].check(type(error)), found
        assert found[1:] == [1000]


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("error", [ValueError("cannot be taken back"), *ERRORS], ids=repr)
def test_an_abort_that_raises_stands_beside_the_jobs_own_error(
    bench: Bench, error: Exception, batch: bool
) -> None:
    KEPT.append(Participant(dict.fromkeys(CLEANING, error)))

    found = results(bench, Partial(join, bench.account, fails=True), batch=batch)

    assert found[0].check(KeyError)
    assert found[0].getErrorMessage() == '"the job\'s own error"'
    assert f"{type(error).__name__}: {error}" in found[0].getTraceback()
    assert found[1:] == [1000]


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("name", ["newTransaction", "beforeCompletion", "afterCompletion"])
def test_a_synchronizer_that_raises_is_gone_with_its_job(
    bench: Bench, name: str, batch: bool
) -> None:
    KEPT.append(Synchronizer(name, ConnectionRefusedError(111, "refused")))

    found = results(bench, Partial(register, bench.account), batch=batch)

    if name == "afterCompletion":  # all is committed by then
        assert found == [1, 1001]
    else:
        assert found[0].check(ConnectionRefusedError)
        assert found[1:] == [1000]


@pytest.mark.parametrize("batch", [False, True])
def test_a_hook_that_raises_is_the_jobs_own_error(bench: Bench, batch: bool) -> None:
    found = results(bench, Partial(fail_with, refuse), batch=batch)

    assert found[0].check(ConnectionResetError)
    assert found[1:] == [1000]


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("fails", [False, True])
def test_explicit_transactions_are_left_behind(bench: Bench, fails: bool, batch: bool) -> None:
    found = results(bench, Partial(leave_explicit, bench.account, fails), batch=batch)

    assert found[0].check(KeyError) if fails else found[0] == 1
    assert found[1:] == [1000 if fails else 1001]


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize("call", [leave_explicit_without_one, tell_nobody])
def test_a_manager_without_a_transaction_or_whom_to_tell_of_it_is_put_back(
    bench: Bench, call: Any, batch: bool
) -> None:
    arguments = () if call is tell_nobody else (bench.account,)

    assert results(bench, Partial(call, *arguments), batch=batch) == [None, 1000]


@pytest.mark.parametrize("batch", [False, True])
def test_a_job_that_raises_without_a_transaction_has_its_error(bench: Bench, batch: bool) -> None:
    call = Partial(leave_explicit_without_one, bench.account, True)

    found = results(bench, call, batch=batch)

    assert found[0].check(KeyError)
    assert found[1:] == [1000]


def test_a_job_that_waits_is_not_called_again_where_another_has_closed_the_connection(
    bench: Bench,
) -> None:
    """It has begun, and that was committed with the other's commit."""
    bench.fire("fired")
    waits = Partial(add_and_wait, bench.account)

    found = results(bench, waits, Partial(add_and_close, bench.account), batch=True)

    assert found == ["fired", 11, 1011]
    assert CALLS == ["waits"]


@pytest.mark.parametrize("batch", [False, True])
def test_a_job_that_closes_its_connection_has_its_result(bench: Bench, batch: bool) -> None:
    first = Partial(bench.account.add, 10)

    found = results(
        bench, first, Partial(add_and_close, bench.account), Partial(close), batch=batch
    )

    assert found == [10, 11, None, 1011]


@pytest.mark.parametrize("batch", [False, True])
def test_a_job_that_closes_its_connection_and_raises_has_its_error(
    bench: Bench, batch: bool
) -> None:
    found = results(bench, Partial(close_and_raise), batch=batch)

    assert found[0].check(KeyError)
    assert found[1:] == [1000]


def test_a_callback_that_closes_the_connection_lets_others_follow(bench: Bench) -> None:
    partial = Partial(bench.account.add, 10)
    callbacks = [partial.addCallback(Partial(close)) for _ in range(2)]
    callbacks.append(partial.addCallback(bench.account.add))

    assert results(bench, partial, batch=False) == [10, 1020]
    assert [callback.result for callback in callbacks] == [None, None, 20]
