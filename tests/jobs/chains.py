"""Callables that return partials: chains, rings and orphans."""

from __future__ import annotations

from typing import Any

from persistent import Persistent

from zcasync.partial import Partial


class Node(Persistent):
    """A place that knows the partial to be returned there; rings need one that is known later."""

    following: Any = None

    def follow(self, *ignored: Any) -> Any:
        return self.following


def link(partial: Partial, left: int, *ignored: Any) -> Any:
    """One link of a chain: put the next one in the same way, and return its partial."""
    return link_in(partial.queue, left, partial.is_batch)


def link_in(queue: Any, left: int, is_batch: bool = False, *ignored: Any) -> Any:
    """The same as a callback, which has no queue of its own."""
    if not left:
        return "the end"
    return queue.put(Partial.bind(link, left - 1), batch=is_batch)


def orphan(*ignored: Any) -> Partial:
    """A partial that nobody will call."""
    return Partial(abs, -1)


def orphans_callback(*ignored: Any) -> Partial:
    """A callback of a callback of such a one."""
    return Partial(abs, -1).addCallback(abs).addCallback(abs)


def own_callback(partial: Partial) -> Partial:
    """A partial that cannot be called before this one has its result."""
    return partial.addCallback(abs).addCallback(abs)


def other_choice(one: Any, result: Any) -> Any:
    """Chosen of two, this one returns the one that was not chosen."""
    return one.following


def put_and_pull(partial: Partial) -> Partial:
    """A partial that was put, and that somebody has pulled to call it."""
    return partial.queue.withdraw(partial.queue.put(Partial(abs, -7)))


def give(value: Any, *ignored: Any) -> Any:
    """A callback that returns this, whatever the result is."""
    return value
