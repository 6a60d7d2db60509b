"""The list of every name of ZEO and ZODB that this folder uses and that may change.

All private ones, and of the public ones those that our subclasses override or lean on.  A test
compares them with what is installed (:mod:`zcasync.zeo.upstream_problems`), and finds private names
that are used but not listed; what is not listed here is used nowhere in zcasync.  To check another
version: install it, run the tests of this folder and of ``tests/processes``, and write it into
``CHECKED``, and into :mod:`zcasync.versions`.
"""

from __future__ import annotations

from collections.abc import Mapping

from zcasync.versions import Version

#: The versions that all of this was checked with.
CHECKED = {
    "ZEO": ("5.4.0", "5.4.1", "6.0.0", "6.1", "6.2"),
    "ZODB": ("5.8.0", "5.8.1", "6.0", "6.0.1", "6.1", "6.2", "6.3", "6.4"),
    "persistent": ("5.0", "6.9"),
    "transaction": ("3.0.0", "5.1"),
}

#: The names of a class or module, and how those that are called are called.
Names = Mapping[str, Mapping[str, str | None]]


def _attributes(names: str) -> dict[str, str | None]:
    return dict.fromkeys(names.split())


#: ``module:Class``, or a module.  None: an attribute, of the class or of its objects.
NAMES: Names = {
    # the client's side
    "ZEO.ClientStorage:ClientStorage": {
        **_attributes(
            "_addr _async _async_iter _cache _call _commit_lock _connection_generation "
            "_blob_cache_size _blob_cache_size_check _client_label _info _is_read_only _server "
            "_storage blob_dir fshelper server_sync shared_blob_dir"
        ),
        "_iterator_gc": "(self, disconnected=False)",
        "_update_blob_cache": "(self, tbuf, tid)",
        "close": "(self)",
        "is_connected": "(self, test=False)",
        "lastTransaction": "(self)",
        "loadBlob": "(self, oid, serial)",
        "new_oid": "(self)",
        "storeBlob": "(self, oid, serial, data, blobfilename, version, txn)",
        "temporaryDirectory": "(self)",
        "tpc_abort": "(self, txn, timeout=None)",
        "tpc_begin": "(self, txn, tid=None, status=' ')",
        "tpc_end": "(self, txn)",
        "tpc_vote": "(self, txn)",
    },
    "ZEO.TransactionBuffer:TransactionBuffer": {
        **_attributes(
            "blobs client_resolved connection_generation count exception file pickler "
            "server_resolved size"
        ),
        "__init__": "(self, connection_generation)",
        "server_resolve": "(self, oid)",
    },
    "ZEO.asyncio.client:ClientRunner": {
        "async_": "(self, method, *args)",
        "async_iter": "(self, it)",
        "call": "(self, method, *args, **kw)",
        **_attributes("client io_call loop timeout"),
        "setup_delegation": "(self, loop)",
    },
    "ZEO.asyncio.client:ClientThread": {
        "__init__": "(self, addrs, client, cache, storage_key='1', read_only=False, timeout=30, "
        "disconnect_poll=1, ssl=None, ssl_server_hostname=None)",
    },
    "ZEO.asyncio.client:ClientIO": {
        "_clear_protocols": "(self, protocol=None)",
        "addrs": None,
        "await_operational_co": "(self, timeout, init_ok=False)",
        **_attributes("cache client closed connected read_only"),
        "disconnected": "(self, protocol=None)",
        "invalidateTransaction": "(self, tid, oids)",
        "loop": None,
        "operational": None,
        "protocol": None,
        "protocols": None,
        "ready": None,
        "register_failed": "(self, protocol, exc)",
        "ssl": None,
        "ssl_server_hostname": None,
        "tpc_finish_co": "(self, tid, updates, f)",
        "try_connecting": "(self)",
        "verify": "(self, server_tid)",
    },
    "ZEO.asyncio.client:Protocol": {
        **_attributes(
            "addr client closed data_received protocol_version resume_writing sm_protocol ssl"
        ),
        "close": "(self, exc=None)",
        "connection_lost": "(self, exc)",
        "connection_made": "(self, transport)",
        "server_call": "(self, method, *args)",
    },
    "ZEO.cache:ClientCache": {
        **_attributes("_lock maxsize path"),
        "clear": "(self)",
        "contents": "(self)",
        "getLastTid": "(self)",
        "invalidate": "(self, oid, tid)",
        "load": "(self, oid, before_tid=None)",
        "setLastTid": "(self, tid)",
        "store": "(self, oid, start_tid, end_tid, data)",
    },
    "ZEO.zconfig:ClientStorageConfig": {"config": None},
    "ZODB.config:ZEOClient": {"config": None},
    # the server's side
    "ZEO.StorageServer": {"CommitLog": None, "StorageServer": None},
    "ZEO.StorageServer:CommitLog": {
        "checkread": "(self, oid, serial)",
        "delete": "(self, oid, serial)",
        "restore": "(self, oid, serial, data, prev_txn)",
        "size": "(self)",
        "store": "(self, oid, serial, data)",
        "stores": None,
        "undo": "(self, transaction_id)",
    },
    "ZEO.StorageServer:LockManager": {"lock": "(self, zs, func)"},
    "ZEO.StorageServer:StorageServer": {
        "acceptor": None,
        "close": "(self, join_timeout=1)",
        "create_client_handler": "(self)",
        "read_only": None,
        "storages": None,
    },
    "ZEO.StorageServer:ZEOStorage": {
        "__init__": "(self, server, read_only=0)",
        "_check_tid": "(self, tid, exc=None)",
        "_invalidate": "(self, tid)",
        "_vote": "(self, delay=None)",
        "checkCurrentSerialInTransaction": "(self, oid, serial, id)",
        "connected": None,
        "connection": None,
        "deleteObject": "(self, oid, serial, id)",
        "get_info": "(self)",
        "loadBefore": "(self, oid, tid)",
        "lock_manager": None,
        "locked": None,
        "notify_disconnected": "(self)",
        "register": "(self, storage_id, read_only)",
        "sendBlob": "(self, oid, serial)",
        "server": None,
        "set_client_label": "(self, label)",
        "storage_id": None,
        "storea": "(self, oid, serial, data, id)",
        "storeBlobEnd": "(self, oid, serial, data, id)",
        "storeBlobShared": "(self, oid, serial, data, filename, id)",
        "tpc_begin": "(self, id, user, description, ext, tid=None, status=' ')",
        "tpc_finish": "(self, id)",
        "vote": "(self, tid)",
    },
    "ZEO.asyncio.server:Acceptor": {
        **_attributes("addr event_loop msgpack server storage_server"),
        "factory": "(self)",
    },
    "ZEO.asyncio.server:Result": {"__init__": "(self, *args)", "args": None},
    "ZEO.asyncio.server:ServerProtocol": {
        "__init__": "(self, loop, addr, zeo_storage, msgpack)",
        **_attributes(
            "announce_protocol call_async closed decode loop methods sm_protocol zeo_storage"
        ),
        "async_threadsafe": "(self, method, *args)",
        "close": "(self)",
        "connection_lost": "(self, exc)",
        "connection_made": "(self, transport)",
        "data_received": "(self, data)",
        "finish_connection": "(self, protocol_version)",
    },
    "ZEO.runzeo": {"ZEOOptions": None, "main": "(args=None)"},
    "ZEO.runzeo:ZEOOptions": {
        **_attributes("add doc schema schemadir schemafile"),
        "help": "(self, dummy)",
        "load_schema": "(self)",
        "realize": "(self, *a, **k)",
    },
    "ZODB.ConflictResolution": {"find_global": "(*args)"},
    "ZODB.ConflictResolution:BadClass": {"args": None},
    "ZODB.FileStorage.FileStorage": {"packed_version": None},
    "ZODB.FileStorage.FileStorage:FileStorage": {
        "_file": None,
        "_lock": None,
        "_ltid": None,
        "set_max_oid": None,
        "tpc_begin": "(self, transaction, tid=None, status=' ')",
        "tpc_finish": "(self, transaction, f=None)",
    },
    # connections, their pool, and their views of the storage
    "ZODB.Connection:Connection": {
        **_attributes(
            "_added _cache _creating _modified _needs_to_join _normal_storage _reader "
            "_registered_objects _savepoint_storage _storage before connections "
            "explicit_transactions opened"
        ),
        "_register": "(self, obj=None)",
        "_resetCache": "(self)",
        "commit": "(self, transaction)",
        "get": "(self, oid)",
        "get_connection": "(self, database_name)",
        "new_oid": "(self)",
        "readCurrent": "(self, ob)",
        "savepoint": "(self)",
        "register": "(self, obj)",
        "setstate": "(self, obj)",
        "tpc_begin": "(self, transaction)",
        "tpc_finish": "(self, transaction)",
        "tpc_vote": "(self, transaction)",
    },
    "ZODB.Connection:TmpStore": {
        **_attributes("_blob_dir _file _storage creating index position"),
        "__init__": "(self, storage)",
    },
    "ZODB.DB:ConnectionPool": {"all": None, "available": None},
    "ZODB.DB:TransactionalUndo": {"_db": None},
    "ZODB.DB:DB": {
        "_lock": None,
        "_mvcc_storage": None,
        "classFactory": None,
        "getPoolSize": "(self)",
        "klass": None,
        "open": "(self, transaction_manager=None, at=None, before=None)",
        "pool": None,
        "setPoolSize": "(self, size)",
    },
    "ZODB.serialize:ObjectReader": {
        "getState": "(self, pickle)",
        "setGhostState": "(self, obj, pickle)",
    },
    "ZODB.mvccadapter:MVCCAdapter": {
        "new_instance": "(self)",
        "_instances": None,
        "_invalidate_finish": "(self, tid, oids, committing_instance)",
        "_lock": None,
    },
    "ZODB.mvccadapter:UndoAdapterInstance": {"tpc_begin": "(self, transaction)"},
    "ZODB.mvccadapter:MVCCAdapterInstance": {
        "_base": None,
        "_invalidate": "(self, tid, oids)",
        "_invalidateCache": "(self)",
        "_invalidations": None,
        "_start": None,
        "load": "(self, oid)",
        "poll_invalidations": "(self)",
        "release": "(self)",
        "tpc_begin": "(self, transaction)",
    },
    "persistent:PickleCache": {"cache_size": None, "get": None, "new_ghost": None},
    "transaction._transaction:Transaction": {
        **_attributes(
            "_after_abort _after_commit _before_abort _before_commit _data _resources "
            "_synchronizers"
        ),
        "join": "(self, resource)",
    },
    "transaction._manager:TransactionManager": _attributes("_synchs explicit unregisterSynch"),
    "transaction.weakset:WeakSet": {
        "add": "(self, obj)",
        "as_weakref_list": "(self)",
        "data": None,
        "remove": "(self, obj)",
    },
}

#: What is called otherwise, or is there, in the versions before this one of a package only.
BEFORE: Mapping[tuple[str, Version], Names] = {
    ("ZEO", (6, 0)): {
        "ZEO.asyncio.client:ClientThread": {
            "__init__": "(self, addrs, client, cache, storage_key='1', read_only=False, "
            "timeout=30, disconnect_poll=1, ssl=None, ssl_server_hostname=None, credentials=None)",
        },
        "ZEO.asyncio.futures": {"_GenReturn": None},
        "ZEO.asyncio.futures:_GenReturn": {"value": None},
    },
}
