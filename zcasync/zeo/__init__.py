"""What we add to ZEO and ZODB: all that knows their insides is here, and nothing else is.

Importing this changes nothing for others: ours are subclasses, used by those that ask for them.
With a plain client or a plain server at the other side all works, only slower.

A commit goes from the connection to the client, in one message to the server, and back:

- ``one_phase``: connections that say when nobody else takes part in a transaction
- ``fenced``: connections that commit only while the engine lives that works with them
- ``client``: the client, which sends a commit in one message; ``sections`` makes it from a
  configuration
- ``server``: the server that reads that, with repairs; ``__main__`` is ``runzeo`` with it, for
  ``python -m zcasync.zeo``
- ``memory_buffers``: what both sides keep of a commit until its end
- ``full_disk``: how a server ends that cannot write, and begins again
- ``object_ids``: ids of new objects that are given once, by the server, the client and connections

Objects are loaded, and their connections told of what others commit:

- ``bulk_load``: many records with one question, also before they are needed
- ``invalidations``: listening to what commits write
- ``connections``: the rest of what connections, their pools and their views know

And ``upstream`` lists every name of ZEO and ZODB that these files depend on, with the versions that
were checked.
"""
