"""Adapters: from a call to a partial, and from an object to the data manager that serves it."""

from __future__ import annotations

import types
from typing import Any

from persistent.interfaces import IPersistent
from zope.component import adapter
from zope.interface import implementer

from zcasync.datamanager import find_near
from zcasync.interfaces import IDataManager, IDataManagerPartial, IPartial
from zcasync.partial import Partial


@adapter(IPersistent)
@implementer(IDataManager)
def defaultDataManagerAdapter(obj: Any) -> Any:
    """Return the data manager of the object's database, or of the only companion that has one.

    None (no adapter) when there is none.
    """
    jar = obj._p_jar
    return None if jar is None else find_near(jar)


@adapter(IPartial)
@implementer(IDataManager)
def partial_to_datamanager(partial: Any) -> Any:
    """Return the data manager of the partial's queue; for a callback, that of its parent."""
    manager = defaultDataManagerAdapter(partial)
    ancestor: Any = partial
    while ancestor is not None:
        if ancestor.queue is not None:
            return ancestor.queue.__parent__
        ancestor = ancestor.parent
    return manager


@adapter(types.MethodType)
@implementer(IDataManagerPartial)
def method_to_datamanagerpartial(call: Any) -> Partial:
    """Return a partial of a method of a persistent object.  Raises BadCallable."""
    return Partial(call)


@adapter(types.FunctionType)
@implementer(IDataManagerPartial)
def function_to_datamanagerpartial(call: Any) -> Partial:
    """Return a partial of a function.  Raises BadCallable."""
    return Partial(call)


@adapter(IPartial)
@implementer(IDataManagerPartial)
def DataManagerPartial(partial: Any) -> Any:
    """Return the partial itself when it can wait in a queue, else one that calls it."""
    return partial if IDataManagerPartial.providedBy(partial) else Partial(partial)
