"""The databases of a home: opening them, seeing what others commit, waiting while they are away.

    opening.py          open the databases of a configuration, or the ZEO servers of an application
    inherited.py        the databases of an application's process, as its children can open them
    client.py           a client of a home's database, or its file where no process serves it
    missing_classes.py  stand-ins for classes that cannot be imported
    listening.py        be notified of the commits of others, whatever the storage is
    hearing.py          a thread's wait for such commits
    sync.py             see what other processes have committed, and commit
    commit_once.py      commits that are tried again until it is known that they are there
    receipts.py         records that show whether a commit is there, where nothing else does
    errors.py           the errors of a storage that is away or full
    waiting.py          the wait for such a storage: a worker's, and one for a limited time
    packing.py          packs of the embedded default's file that a crash cannot damage
    pack_note.py        the note about a pack that goes on, or has failed
    space.py            how large that file is, how it grows, what its disk has left

Supervisors and children open with ``opening``; commands and applications with ``client``, which
uses ``opening`` too.  Who acts on a message of another process calls ``sync.catch_up`` first, works
in ``sync.connected`` and commits with ``sync.commit``.  When one of these raises,
``errors.is_storage_lost`` decides whether to wait (``waiting``) or to fail.  Who would commit again
then does it with ``commit_once``, which looks first.  Packing stands apart:
the embedded default's server opens its file with it, and the supervisor notes the packs.
"""
