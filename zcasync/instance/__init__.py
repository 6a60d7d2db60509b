"""One instance home on one machine: its paths, its settings, its lock.

    home.py              Home: the paths of an instance home
    socket_place.py      the folder of its sockets: var, or a short one where its path is too long
    trust.py             who could have written what is in a home; UntrustedHome
    judgement.py         the doubts about its places, and about the way to it
    remedies.py          what to type about a doubt
    trusted.py           the setting outside homes: which are trusted all the same
    own_files.py         the files that are written into a home: closed, and never through a link
    settings.py          Settings and Configuration, read from etc/zcasync.conf
    queue_names.py       names of queues, and lists of those that a worker serves
    datatypes.py         how the values of settings are read
    main_database.py     the main one of several databases that the file names
    schema.xml           the ZConfig schema of that file
    file_lock.py         whether a file is locked, asked from outside
    lock.py              one supervisor for a home; AlreadyServed
    process_identity.py  an identity of processes that pids alone do not give
    stopped.py           whether a signal has stopped the supervisor, or its database server
    live_settings.py     the settings of a supervisor that runs, which can change
    versions.py          the versions of Python and the distributions, for an engine's record

``Home.find`` names the home and judges it, before anything in it is read; ``settings.load`` reads
its configuration, ``HomeLock.acquire`` makes this process its supervisor and leaves its identity in
``var/supervisor.json``.
"""
