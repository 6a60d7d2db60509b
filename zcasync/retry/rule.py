"""RetryRule: retries by a rule, whose values are kept in the name of the policy."""

from __future__ import annotations

import ast
from functools import lru_cache
from typing import Any

from zcasync.retry.rule_values import RuleValues
from zcasync.retry.ruled import Ruled

#: A name with more characters is not stored, and not read.
LONGEST_NAME = 2_000


class RetryRule(RuleValues):
    """A rule by which a call that has raised is tried again; a factory of policies.

    ``attempts``: their number in all.  ``backoff``: the pauses between them, seconds or timedeltas,
    the last one repeated; without it the first takes ``delay`` seconds, and each further one
    ``factor`` times as long.  None is longer than ``longest``.  A share of up to ``jitter`` is
    added at random, so that calls which failed together are not repeated together.

    ``on``: the exceptions that are repeated, any by default; ``not_on``: those that are not, which
    counts more.  They are classes, or names such as ``"package.module:Class"``, one or several;
    what is derived from them counts, too.  Conflicts and interruptions are treated as by the policy
    ``default``, but for those that ``on`` or ``not_on`` names: ``transaction.interfaces
    .TransientError`` and what is derived from that, and ``JobCrashed``, ``JobInterrupted`` or
    ``AbortedError`` of :mod:`zcasync.errors`.

    ``within``: seconds, or a timedelta, from the beginning of the first attempt on, after which no
    further one begins.  A first attempt whose process dies counts from that on.

    Give one to ``put``, to ``zcasync.job`` or to a queue as it is.  Raises TypeError and ValueError
    for values that make no sense.
    """

    @property
    def name(self) -> str:
        """The name by which every process makes the same, such as ``rule(attempts=3)``.

        Raises ValueError where there is none.
        """
        usual, values = _USUAL, self.values()
        given = {name: value for name, value in values.items() if value != usual[name]}
        made = f"rule({', '.join(f'{name}={value!r}' for name, value in given.items())})"
        if type(self) is not RetryRule or len(made) > LONGEST_NAME:
            raise ValueError("retry cannot be kept by its values: name it as package.module:NAME")
        return made

    def __repr__(self) -> str:
        return f"<zcasync.RetryRule {self.values()}>"

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and other.values() == self.values()

    def __hash__(self) -> int:
        return hash(tuple(self.values().values()))

    def __call__(self, partial: Any) -> Ruled:
        """Return the policy for a partial."""
        return Ruled(partial, self)


@lru_cache(maxsize=200)
def rule_by_name(name: str) -> RetryRule | None:
    """Return the rule with a name that has its values; None for any other name."""
    if not name.startswith("rule(") or len(name) > LONGEST_NAME:
        return None
    try:
        call = ast.parse(name, mode="eval").body
        if not isinstance(call, ast.Call) or call.args:
            return None
        found = {one.arg: ast.literal_eval(one.value) for one in call.keywords}
        return RetryRule(**found)  # type: ignore[arg-type]
    except (SyntaxError, TypeError, ValueError, OverflowError, MemoryError, RecursionError):
        return None


def keep_first_start(partial: Any, moment: int) -> None:
    """Record the beginning of a call, of which no earlier one is known, where its rule needs it.

    ``moment``: microseconds.
    """
    rule = None if partial.policy_name is None else rule_by_name(partial.policy_name)
    if rule is not None and rule.within is not None:
        partial.note_first_start(moment)


_USUAL = RetryRule().values()
