"""Callback pages: the callbacks of a partial with many, in records of one size.

Each callback is mostly added by a transaction of its own: thousands of partials may wait for one.
So what that writes is the newest callbacks alone; those before are in pages, which are not written
any more.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

from persistent import Persistent

from zcasync.job.field_types import ALL, Check, Checked, needs, optional, stored, tuple_of
from zcasync.job.loadable import why_unloadable
from zcasync.unpublished import Unpublished

#: So many callbacks are in one record.
PAGE_SIZE = 64
_is_partial = stored("zcasync.job.record.PartialRecord")


class CallbackPage(Checked, Unpublished, Persistent):  # type: ignore[misc]
    """Callbacks that were added one after the other, and the page of those before."""

    _field_types: ClassVar[dict[str, Check]] = {
        "callbacks": tuple_of(_is_partial),
        "before": optional(stored("zcasync.job.callback_pages.CallbackPage")),
        ALL: needs("callbacks", "before"),
    }

    def __init__(self, callbacks: tuple[Any, ...], before: Self | None) -> None:
        self.callbacks = callbacks
        self.before = before


class CallbackList:
    """The callbacks of a sidecar: a mixin, with the attributes that are stored."""

    _field_types: ClassVar[dict[str, Check]] = {
        "callbacks": tuple_of(_is_partial),
        "earlier": optional(stored("zcasync.job.callback_pages.CallbackPage")),
    }

    callbacks: tuple[Any, ...] = ()  # the newest ones
    earlier: CallbackPage | None = None
    _v_all: tuple[Any, ...] | None = None

    def all_callbacks(self) -> tuple[Any, ...]:
        """Return all callbacks, in their order; none of pages that cannot be loaded."""
        if self.earlier is None:
            return self.callbacks
        known = self._v_all
        if known is None or known[0] is not self.earlier or known[1] is not self.callbacks:
            pages, _ = self._pages()
            found = (one for page in reversed(pages) for one in page.callbacks)
            known = self._v_all = (self.earlier, self.callbacks, (*found, *self.callbacks))
        return known[2]  # type: ignore[no-any-return]

    def pages_problem(self) -> str | None:
        """Return why a page of callbacks cannot be loaded; None where all can."""
        return self._pages()[1]

    def add_callback(self, callback: Any) -> None:
        """Add a callback behind the others."""
        if len(self.callbacks) >= PAGE_SIZE:
            self.earlier = CallbackPage(self.callbacks, self.earlier)
            self.callbacks = ()
        self.callbacks += (callback,)

    def keep_callbacks(self, callbacks: tuple[Any, ...]) -> None:
        """Have these callbacks from now on."""
        if self.earlier is not None:
            del self.earlier
        self.callbacks = ()
        for one in callbacks:
            self.add_callback(one)

    def _pages(self) -> tuple[list[CallbackPage], str | None]:
        """Return the pages, the newest first, and why the next one cannot be loaded."""
        pages: list[CallbackPage] = []
        page = self.earlier
        while page is not None:
            problem = why_unloadable(page)
            if problem is not None:
                return pages, problem
            pages.append(page)
            page = page.before
        return pages, None
