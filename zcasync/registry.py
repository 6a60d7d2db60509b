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
from zcasync.interfaces import IDataManager, IDataManagerPartial, IPartial
from zcasync.partial import Partial


def registrations() -> list[tuple[Any, Any, Any]]:
    """Every adapter: (factory, what it adapts, what it provides)."""
    function = implementedBy(types.FunctionType)
    method = implementedBy(types.MethodType)
    builtin = implementedBy(types.BuiltinFunctionType)
    return [
        (adapters.defaultDataManagerAdapter, IPersistent, IDataManager),
        (adapters.partial_to_datamanager, IPartial, IDataManager),
        (adapters.function_to_datamanagerpartial, function, IDataManagerPartial),
        (adapters.function_to_datamanagerpartial, builtin, IDataManagerPartial),
        (adapters.method_to_datamanagerpartial, method, IDataManagerPartial),
        (adapters.DataManagerPartial, IPartial, IDataManagerPartial),
        (Partial, function, IPartial),
        (Partial, method, IPartial),
        (Partial, builtin, IPartial),
        (twist.connection, IPersistent, IConnection),
        (twist.transactionManager, IPersistent, ITransactionManager),
        (twist.transactionManager, IConnection, ITransactionManager),
    ]


def configure() -> None:
    """Register the adapters.  Safe to repeat; never replaces what the application registered."""
    site = getGlobalSiteManager()
    for factory, required, provided in registrations():
        present = site.adapters.registered([_spec(required)], provided, "")
        if present is None:
            site.registerAdapter(factory, [required], provided)


def _spec(required: Any) -> Any:
    return required if required is not None else Interface
