"""Making flows of given calls: one after the other, or all at once."""

from __future__ import annotations

from typing import Any

from zcasync.flows.flow import Flow, make


def serial(*calls: Any, postprocess: Any = None, on_failure: str = "fail_fast") -> Flow:
    """Return a flow whose members begin one after the other, each when the one before has ended.

    See ``IFlow``.  Put it in a queue.  ``postprocess``: what makes its
    result, called with the members as arguments; without one that is the list of their results.
    ``on_failure``: ``"fail_fast"``, the flow ends with the first failure, and members that have not
    begun do not begin; ``"collect"``: all are called, and their Failures are results like others.
    Raises BadCallable, ValueError.
    """
    return make(calls, postprocess, on_failure, is_serial=True)  # type: ignore[no-any-return]


def parallel(*calls: Any, postprocess: Any = None, on_failure: str = "fail_fast") -> Flow:
    """Return a flow whose members begin all at once; else as ``serial``."""
    return make(calls, postprocess, on_failure)  # type: ignore[no-any-return]
