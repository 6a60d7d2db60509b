"""The database server of the embedded default: a ZEO server that lives as long as its supervisor.

__main__.py        the server's process: ``python -m zcasync.supervisor.zeo_server SPEC``
process.py         the supervisor's side: starts it, starts it again when it dies, stops it
orders.py          what it is told while it serves: where to listen anew
socket_watch.py    notices that the file of a socket that we serve is gone
pack_schedule.py   packs the database from time to time, through the server

The way through.  The supervisor's service ends a server that was left behind, starts a new one and
waits for ``listening`` on its stdout; from then on it is a client like others.  The server leaves
by itself when its supervisor is gone.
"""
