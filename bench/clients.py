"""Client processes that begin at the same moment."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable
from typing import Any

import transaction

import zcasync
from zcasync.instance.home import Home

START_SECONDS = 120.0


def together(work: Callable[..., Any], arguments: list[tuple[Any, ...]], home: Home) -> list[Any]:
    """``work(connection, *arguments)`` in one process for each arguments; the answers in order.

    Raises EOFError when one of them died; it has printed why.
    """
    context = multiprocessing.get_context("spawn")
    start = context.Barrier(len(arguments))
    processes, ends = [], []
    for given in arguments:
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_be_client, args=(work, given, home, start, theirs))
        process.start()
        theirs.close()
        processes.append(process)
        ends.append(ours)
    try:
        return [end.recv() for end in ends]
    finally:
        for process, end in zip(processes, ends, strict=True):
            end.close()
            process.join(START_SECONDS)


def _be_client(
    work: Callable[..., Any], arguments: tuple[Any, ...], home: Home, start: Any, answer: Any
) -> None:
    db = zcasync.open(home.path)
    connection = db.open(transaction_manager=transaction.TransactionManager())
    try:
        connection.root()
        start.wait(START_SECONDS)
        answer.send(work(connection, *arguments))
    finally:
        connection.transaction_manager.abort()
        connection.close()
        db.close()
