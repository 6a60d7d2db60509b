"""configure(): registers the adapters of zcasync with zope.component."""

from __future__ import annotations

import types
from typing import Any

from persistent.interfaces import IPersistent
from transaction.interfaces import ITransactionManager
from ZODB.interfaces import IConnection
from zope.component import getGlobalSiteManager
from zope.interface import Interface, implementedBy

from zcasync import adapters, twist
from zcasync.interfaces import IDataManager, IDataManagerPartial, IPartial, IRetryPolicy
from zcasync.partial import Partial
from zcasync.retry.stock import STOCK


def registrations() -> list[tuple[Any, Any, Any, str]]:
    """Return every adapter: (factory, required, provided, name)."""
    function = implementedBy(types.FunctionType)
    method = implementedBy(types.MethodType)
    builtin = implementedBy(types.BuiltinFunctionType)
    return [
        (adapters.defaultDataManagerAdapter, IPersistent, IDataManager, ""),
        (adapters.partial_to_datamanager, IPartial, IDataManager, ""),
        (adapters.function_to_datamanagerpartial, function, IDataManagerPartial, ""),
        (adapters.function_to_datamanagerpartial, builtin, IDataManagerPartial, ""),
        (adapters.method_to_datamanagerpartial, method, IDataManagerPartial, ""),
        (adapters.DataManagerPartial, IPartial, IDataManagerPartial, ""),
        (Partial, function, IPartial, ""),
        (Partial, method, IPartial, ""),
        (Partial, builtin, IPartial, ""),
        (twist.connection, IPersistent, IConnection, ""),
        (twist.transactionManager, IPersistent, ITransactionManager, ""),
        (twist.transactionManager, IConnection, ITransactionManager, ""),
        *((factory, IPartial, IRetryPolicy, name) for name, factory in STOCK.items()),
    ]


def configure(registry: Any = None) -> None:
    """Register the adapters.  Safe to repeat; never replaces what the application registered.

    ``registry``: in place of the global one, where applications look adapters up in their own too.
    """
    site = getGlobalSiteManager() if registry is None else registry
    for factory, required, provided, name in registrations():
        present = site.adapters.registered([_spec(required)], provided, name)
        if present is None:
            site.registerAdapter(factory, [required], provided, name)


def _spec(required: Any) -> Any:
    return required if required is not None else Interface
