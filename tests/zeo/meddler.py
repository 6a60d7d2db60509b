"""Changes packages of others when it is imported, for the tests of import_effects."""

import ZEO.ClientStorage
import ZEO.StorageServer
from zope.component import provideUtility
from zope.interface import Interface

ZEO.ClientStorage.TransactionBuffer = object
ZEO.ClientStorage.ClientStorage.new_oid = print
ZEO.StorageServer.registered_methods.add("another")
provideUtility(object(), Interface, "another")
