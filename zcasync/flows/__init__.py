"""Flows: calls made of calls, which begin one after the other or all at once.

    flow.py    Flow: the call of a flow; finish, which it calls when its members have ended
    making.py  serial and parallel: flows of given calls
    chunks.py  map: a flow that makes its members as it goes, from the keys of a tree

A flow is a partial: it is put, waited for, cancelled and can be a member of another flow.  Its
members are put with it, and counted as they end by :mod:`zcasync.job.gate`, which lets the flow's
own call begin behind the last of them.
"""
