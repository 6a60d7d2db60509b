"""Acts: what operators did to a job, a queue or a worker, who and when; the last ones are kept."""

from __future__ import annotations

from typing import Any

from zcasync import clock
from zcasync.job.field_types import is_moment, is_text, tuple_of
from zcasync.text import cut

#: So many are kept of one thing.
MOST_ACTS = 20
#: No word of one is longer, characters.
LONGEST_WORDS = 200

#: When (microseconds), who, what.
Act = tuple[int, str, str]


def with_act(acts: tuple[Act, ...], who: str, what: str) -> tuple[Act, ...]:
    """Return these acts and one more, of now, without those that are too old to be kept."""
    new = (clock.now(), cut(who, LONGEST_WORDS), cut(what, LONGEST_WORDS))
    return (*acts, new)[-MOST_ACTS:]


def as_dicts(acts: tuple[Act, ...]) -> list[dict[str, Any]]:
    """Return acts as programs have them: when (ISO), who, what; the oldest first."""
    return [
        {"at": clock.to_datetime(moment).isoformat(), "who": who, "what": what}
        for moment, who, what in acts
    ]


def _is_act(value: Any) -> bool:
    if type(value) is not tuple or len(value) != 3:
        return False
    return is_moment(value[0]) and is_text(value[1]) and is_text(value[2])


are_acts = tuple_of(_is_act)
