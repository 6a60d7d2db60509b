"""Additions to ZEO and ZODB: only this room uses their internals, and it holds nothing else.

Importing this changes nothing for others: these are subclasses, used only where they are named.
(One exception: where an engine has jobs performed, ``storage_fence`` wraps the beginning and the
end of commits of storage classes, and ``second_clients`` wraps what joins transactions, for the
code of jobs alone.)  With a plain client or a plain server on the other side all works, only
slower.

A commit goes from the connection to the client, in one message to the server, and back:

- ``one_phase``: connections that tell their storage when it is a transaction's only participant
- ``fenced``: connections that commit only while the engine that uses them is not buried
- ``storage_fence``: the same for what jobs commit past these connections, at the storage
- ``second_clients``: no other client of a job's storage takes part in its transaction
- ``labels``: what commits say of the job that they are made for
- ``client``: the client, which sends a commit in one message; ``sections`` makes it from a
  configuration; ``blobs``: its place for blobs; ``client_cache``: the file of its cache;
  ``client_options``: those of another one
- ``server``: the server that reads that message, with repairs; ``__main__`` is ``runzeo`` with it,
  for ``python -P -m zcasync.zeo``
- ``client_connections``: the time and the bytes that a client has to register
- ``client_messages``: what that server takes from a client, ``plain_values`` only; in
  ``client_requests``: with which arguments
- ``conflict_resolution``: the classes that a server loads to resolve conflicts
- ``own_socket``: who can connect to a server
- ``memory_buffers``: what both sides keep of a commit until its end; ``memory_savepoints``: what a
  connection keeps at a savepoint
- ``own_file``: the end of a server whose file was replaced or removed
- ``history``: clients that notice another history behind their server's address, by the commits
  in ``seen_commits``
- ``heartbeat``: clients that give up a server that is gone without a word
- ``peers``: clients that read nothing from a server of another user
- ``tls_refusals``: why client and server do not come together with certificates
- ``full_disk``: the end of a server that cannot write, and its new start
- ``object_ids``: ids of new objects that are given once, by the server, the client and connections

Objects are loaded, and their connections are notified of what others commit:

- ``bulk_load``: many records with one request, also before they are needed
- ``invalidations``: listening to what commits write
- ``aside``: connections of an application's database that the application never gets
- ``entrances``: where a thread enters a connection, and can be told something
- ``connections``: the rest of what connections, their pools and their views know
- ``refill``: records that cannot be loaded, and are to be written anew

Transactions are shared:

- ``registrations``: what code registers with a transaction, to be taken back with its changes
- ``manager_state``: the mode and the synchronizers of a transaction manager, to be put back
- ``kept_open``: databases that jobs cannot close
- ``storage_errors``: the errors that a storage has raised, and nobody else in the transaction

And ``upstream`` lists every name of ZEO and ZODB that these files depend on, with the versions that
were checked; ``upstream_problems`` compares it with what is installed.  ``older`` makes up for what
older versions lack, and nothing else here asks for a version.
"""
