"""The list of every name of RelStorage that this folder uses and that may change.

A test compares it with what is installed, and finds private names that are used but not listed.
What is not listed here is used nowhere in zcasync.  To check another version: install it, run the
tests of ``tests/integrations/relstorage``, and write it into ``CHECKED``.
"""

from __future__ import annotations

#: The versions that all of this was checked with.
CHECKED = {"RelStorage": ("4.3.0",), "psycopg2-binary": ("2.9.13",)}

#: ``module:Class`` and the attributes of the class or of its objects.
NAMES: dict[str, str] = {
    "relstorage.storage:RelStorage": "_adapter _instances _load_connection _store_connection_pool "
    "afterCompletion iterator lastTransaction new_instance new_oid poll_invalidations sync "
    "tpc_begin tpc_finish tpc_vote",
    "relstorage.adapters.connections:StoreConnectionPool": "_connections drop_all",
    "relstorage.adapters.connections:LoadConnection": "connection drop",
    "relstorage.adapters.connmanager:AbstractConnectionManager": "_on_store_opened "
    "add_on_load_opened add_on_store_opened close open open_for_load restart_load rollback "
    "rollback_and_close",
    "relstorage.adapters.postgresql.adapter:PostgreSQLAdapter": "connmanager driver keep_history "
    "mover new_instance poller",
    "relstorage.adapters.postgresql.mover:PostgreSQLObjectMover": "on_store_opened store_temps",
    "relstorage.adapters.poller:Poller": "get_current_tid poll_invalidations",
    "relstorage.adapters.postgresql.drivers.psycopg2:Psycopg2Driver": "disconnected_exceptions "
    "lock_exceptions",
}
