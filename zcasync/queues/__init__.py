"""Partials that wait: putting them in a queue, and claiming those that are due.

    partial_queue.py  PartialQueue: what applications, workers and operators ask of a queue
    operated.py       what operators decide about a queue: a pause, defaults
    put.py            the checks of what is put
    options.py        the options of a put, of a callable and of a queue, and which go together
    quota.py          Quota, QuotaUse: one named limit, and who holds it
    quota_option.py   the option of a put that names quotas
    quotas.py         Quotas: those of a data manager
    admission.py      which of those that need quotas a pass may claim
    quota_waits.py    how many wait for each
    entering.py       the put itself: all checked, then recorded and appended
    inherited.py      the options that hold for what is put on behalf of a call
    after.py          what begins when others have ended, and what flows need for that
    controls.py       those of them that are kept with the call, in their stored form
    priority.py       which of them goes first, and how long waiting makes up for that
    time_limits.py    the options for how long a call may take
    again.py          what is over, in its queue once more
    flows_again.py    what is run again together with a flow
    discard.py        what leaves its queue, or those that are over, for good
    unique.py         the keys of unique calls, and who has which
    unique_key.py     how a key is made of what is called, and with what
    joining.py        what becomes of a put whose key another call has
    merging.py        one call's arguments of those of two
    lane.py           Lane, Inbox, Page: the records in which partials wait
    lane_records.py   the records of very many lanes, loaded together
    field_types.py    what the attributes of these records can be
    entry.py          Entry: the place of a partial in a lane
    held.py           how many of them are for later
    page_index.py     PageIndex: the times of the pages of an inbox, noted by its client
    order.py          what waits, in order and from either end, loaded as it is asked for
    settling.py       the client's times become those of the claimer
    pull.py           taking one out, by its place or as a worker would
    forget.py         taking away what pulls have left behind
    holder.py         LaneHolder: a queue as its lanes see it
    restriction.py    the workers that may run what is in a tree of a lane, as its key
    client_lane.py    the lane that a client's connection appends to
    watched.py        the records whose invalidations announce puts
    absent.py         what is set aside until the code is there that it needs
    heads.py          the first entries of lanes, and when the next of them is due
    access.py         which lanes a claimer leaves to others, unless something is urgent there
    claim.py          the due partials that a worker takes, over all lanes
    claimed.py        what a claim has found so far
    claim_heads.py    the order in which it examines entries
    fate.py           what becomes of each: taken, filed, forgotten, set aside
    expired.py        what has waited for as long as it may

A put makes a partial (``put.Check``), enters it in the queue, and appends it to the inbox of the
client's own lane, so that no two clients write one record.  A claim reads the inboxes, files in
trees what is not due or must run elsewhere, and returns what is due, oldest first; the claimer
assigns it to its children.  What cannot run yet after all comes back with ``PartialQueue.release``.
"""
