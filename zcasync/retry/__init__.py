"""Again or not: every fault of a call, and the decision what becomes of the call.

    fault.py      everything that can go wrong with a call, as values
    refusals.py    why a call may not begin at all
    decision.py   decide: end it, attempt it again here, or later from its queue
    policy.py     the policy that a partial names: its stored name, finding it, asking it
    stock.py      the stock policies: default, forever, never, callback, exceptions
    rule.py       RetryRule: the policies whose values are in their name
    rule_values.py  the values of a rule, checked
    ruled.py      the policy of one call under a rule
    exception_names.py  the exceptions that a rule names, known without importing anything
    wishes.py     what a job asks for itself, by raising Retry or Snooze
    attempts.py   counting the attempts of a call, and pausing between them

Whatever goes wrong becomes a ``Fault``.  ``decide`` counts it (``Attempts.failed``), asks the
policy (``policy.ask``), and returns End, Later, Now or Quarantine.  The rooms that met the fault
act on the decision: perform for an exception, liveness for a death, a cancel or a record that
cannot be loaded.
"""
