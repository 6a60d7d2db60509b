"""One call: its record, the rules of its life, and what can be stored of it.

This room knows no queue and no process; it decides nothing about retries and commits nothing.

    fields.py      the stored attributes of a partial, and the questions that they answer
    call_fields.py the callable and the arguments: how they are stored and loaded
    kept.py        the form of a call that nobody can change, and values made anew of it
    packed.py      values of the application, as pickles of their own
    copies.py      copies of plain values, and how large these are
    advice.py      what to give a job instead of a request, a file, a lock
    due_fields.py  when it may begin and until when, and by whose clock, among these attributes
    control_fields.py  the options that say when, how often and how long it is made, too
    time_limits.py TimeLimits: how long an attempt may take
    declared.py    the options that a callable carries for each put of it
    gate_fields.py  what it waits for before it begins, and its flow, among these attributes
    attempt_fields.py  the counts and times of its attempts among these attributes
    history.py     AttemptHistory: the failed attempts that another one has followed
    checkpoint_record.py  CheckpointRecord: the last checkpoint of a call
    attempt_record.py  AttemptRecord: how it changes with attempts
    record.py      PartialRecord: the states and every transition; Sidecar
    completion.py  end and complete: how a partial ends, and when nothing is left to do for it
    steps.py       the recorded results of a job's steps outside of the database
    conflict_counts.py  which objects calls are repeated for, counted in memory
    outcome.py     Outcome: whether a call succeeded, failed or was cancelled
    waiting.py     whether a partial may wait for another one: rings and orphans are refused
    replacing.py   a call that waits becomes another one
    acts.py        what operators did, and when, as a job or a queue keeps it
    again.py       a call that is over, and its callbacks, once more
    gate_counts.py Counts: how far the calls are that a gate waits for
    gate.py        Gate, Block: the ends that a call waits for, counted
    bits.py        Bits: those of a block that have ended
    member_pages.py MemberList, MemberPage: which calls these are
    starting.py    what was held begins
    callback_pages.py  CallbackList, CallbackPage: where the callbacks of a partial are kept
    callbacks.py   the stored callables behind callbacks
    views.py       arguments, annotations and UUID sets that write through to the record
    callables.py   a callable as it is stored, and the way back
    names.py       module:qualname, for what can be imported
    methods.py     bound methods: names that lead back to the very function
    class_source.py  whether other processes see a method that a class has here
    signature.py   whether the callable takes the arguments
    context.py     what a put has remembered of its caller
    remembered.py  what a put remembers, by the utilities of the application
    arguments.py   the parts of a call; loading its callable
    secret.py      the arguments that are shown to nobody
    placement.py   whether all parts of a call can be stored from a connection
    values.py      whether a value can be stored and loaded again; LargeValue, Boxed
    failure.py     StoredFailure: an exception that any process can load
    library_exceptions.py  the classes of exceptions that every such process has
    field_types.py what the attributes of our records can be, checked as they are loaded
    traceback_text.py the text of a traceback, bounded
    loadable.py    the reason why any record cannot be loaded
    loading.py     the watch over code of the application that runs because something is loaded
    template.py    a call that is stored to be put many times, and the partials made of it
    aside.py       Missing, Aside: the code that a call waits for, and for how long
    broken.py      the same of a partial, which has to be one, too
    ids.py         ids as people and programs write them, and the partials that they name

A call enters with ``callables.store_form`` and ``placement.require_placed``.  It changes by the
transitions of ``record``: entered in a queue, assigned to an engine, started, perhaps released or
rescheduled.  It is made with ``arguments.load_call``, and leaves through ``completion.end``, the
only place where a partial gets its result.

The room itself can be called: ``@zcasync.job(retry=3)`` is ``declared.job``.
"""

import sys
from types import ModuleType
from typing import Any

from zcasync.job import declared


class _Room(ModuleType):
    """The module of this room, which is the decorator, too."""

    def __call__(self, function: Any = None, /, **options: Any) -> Any:
        """Return what :func:`zcasync.job.declared.job` returns."""
        return declared.job(function, **options)


sys.modules[__name__].__class__ = _Room
