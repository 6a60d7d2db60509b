"""Other participants of a job's commit, and hooks, which raise or end the process."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from transaction.interfaces import TransientError
from ZEO.Exceptions import ClientDisconnected
from ZODB.POSException import StorageError

from tests.jobs.acts.scene import Scene
from tests.jobs.acts.table import CHILD, EVERY, End, act, add

#: The sort keys of participants whose turn comes before, and after, that of the database.
FIRST, LAST = "!", "~"


class RetryError(TransientError):
    """Another participant asks for another attempt."""


class Participant:
    """A participant that raises an error at each of some steps."""

    transaction_manager = None

    def __init__(self, errors: dict[str, BaseException], sort_key: str = LAST) -> None:
        self._errors = errors
        self._sort_key = sort_key

    def _step(self, name: str) -> None:
        if name in self._errors:
            raise self._errors[name]

    def tpc_begin(self, txn: Any) -> None:
        self._step("tpc_begin")

    def commit(self, txn: Any) -> None:
        self._step("commit")

    def tpc_vote(self, txn: Any) -> None:
        self._step("tpc_vote")

    def tpc_finish(self, txn: Any) -> None:
        self._step("tpc_finish")

    def tpc_abort(self, txn: Any) -> None:
        self._step("tpc_abort")

    def abort(self, txn: Any) -> None:
        self._step("abort")

    def sortKey(self) -> str:
        return self._sort_key


def joins(sort_key: str = LAST, **errors: BaseException) -> Callable[[Scene], None]:
    """Return an act: a participant with these errors, by their steps, joins the transaction."""
    return lambda scene: scene.manager.get().join(Participant(errors, sort_key))


REFUSED = ConnectionRefusedError(111, "the mail server refuses")

for name, error in {
    "refused_in_vote": REFUSED,
    "timeout_in_vote": TimeoutError("the index does not answer"),
    "error_in_vote": ValueError("the order is not complete"),
    "other_storage_away_in_vote": ClientDisconnected("another storage is away"),
    "other_storage_error_in_vote": StorageError("another storage is full"),
    "retry_error_in_vote": RetryError("another one was first"),
    "exit_in_vote": SystemExit("the mailer ends"),
}.items():
    add(name, joins(tpc_vote=error), End.ERROR, error=type(error).__name__, forms=EVERY)

add("no_file_in_begin", joins(tpc_begin=FileNotFoundError(2, "no spool")), End.ERROR,
    error="no spool", forms=EVERY)  # fmt: skip
add("no_space_in_commit", joins(commit=OSError(28, "no space")), End.ERROR,
    error="no space", forms=EVERY)  # fmt: skip
add("refused_before_the_database", joins(FIRST, tpc_vote=REFUSED), End.ERROR,
    error="refuses", forms=EVERY)  # fmt: skip
add("error_in_finish_before_the_database", joins(FIRST, tpc_finish=OSError("not sent")), End.ERROR,
    error="not sent", forms=EVERY)  # fmt: skip
add("error_in_finish_after_the_database", joins(tpc_finish=OSError("not sent")), End.RIGHT,
    forms=EVERY)  # fmt: skip
add("vote_and_its_abort_raise", joins(tpc_vote=REFUSED, tpc_abort=ValueError("cannot undo")),
    End.ERROR, error="refuses", forms=EVERY)  # fmt: skip
add("vote_and_all_aborts_raise",
    joins(tpc_vote=ValueError("not so"), tpc_abort=OSError("away"), abort=OSError("away")),
    End.ERROR, error="not so", forms=EVERY)  # fmt: skip


@act(End.ERROR, error="the job's own error", forms=EVERY)
def abort_raises(scene: Scene) -> None:
    joins(abort=ValueError("cannot be taken back"))(scene)
    raise KeyError("the job's own error")


@act(End.ERROR, error="the job's own error", forms=EVERY)
def abort_refused(scene: Scene) -> None:
    joins(FIRST, abort=REFUSED)(scene)
    raise KeyError("the job's own error")


# hooks


def _raise() -> None:
    raise ConnectionResetError(104, "the index is away")


@act(End.ERROR, error="the index is away", forms=EVERY)
def hook_before_commit_raises(scene: Scene) -> None:
    scene.manager.get().addBeforeCommitHook(_raise)


@act(forms=EVERY)
def hook_before_commit_adds_hooks(scene: Scene) -> None:
    add_hook = scene.manager.get().addBeforeCommitHook
    add_hook(lambda: add_hook(lambda: add_hook(lambda: None)))


@act(End.ERROR, error="the index is away", forms=EVERY)
def hook_before_commit_adds_one_that_raises(scene: Scene) -> None:
    add_hook = scene.manager.get().addBeforeCommitHook
    add_hook(lambda: add_hook(_raise))


@act(End.CRASH, forms=CHILD)
def hook_before_commit_exits(scene: Scene) -> None:
    scene.manager.get().addBeforeCommitHook(os._exit, (3,))


@act(forms=EVERY)
def hook_after_commit_raises(scene: Scene) -> None:
    scene.manager.get().addAfterCommitHook(lambda committed: _raise())


@act(forms=EVERY)
def hook_after_commit_raises_exit(scene: Scene) -> None:
    def leave(committed: bool) -> None:
        raise SystemExit("the hook ends")

    scene.manager.get().addAfterCommitHook(leave)


@act(End.RIGHT, End.CRASH, forms=CHILD)
def hook_after_commit_exits(scene: Scene) -> None:
    scene.manager.get().addAfterCommitHook(lambda committed: os._exit(3))


@act(forms=EVERY)
def hook_after_commit_adds_hooks(scene: Scene) -> None:
    add_hook = scene.manager.get().addAfterCommitHook
    add_hook(lambda committed: add_hook(lambda committed: None))


@act(forms=EVERY)
def hook_after_commit_changes_and_begins(scene: Scene) -> None:
    def change(committed: bool) -> None:
        scene.counter.add()  # such changes are aborted

    scene.manager.get().addAfterCommitHook(change)


@act(End.ERROR, error="the job's own error", forms=EVERY)
def hook_before_abort_raises(scene: Scene) -> None:
    scene.manager.get().addBeforeAbortHook(_raise)
    raise KeyError("the job's own error")


@act(End.ERROR, error="the job's own error", forms=EVERY)
def hook_after_abort_raises(scene: Scene) -> None:
    scene.manager.get().addAfterAbortHook(_raise)
    raise KeyError("the job's own error")


@act(End.CRASH, forms=CHILD)
def hook_after_abort_exits(scene: Scene) -> None:
    scene.manager.get().addAfterAbortHook(os._exit, (3,))
    raise KeyError("the job's own error")
