"""Refusal: why something is not done that an operator has asked for, and what to do instead."""

from __future__ import annotations

#: The codes of refusals, with which commands exit: the answer is no; who could do it is not there.
NO, AWAY = 1, 3
LIST_JOBS = "list those that there are: zcasync jobs"


class Refusal(Exception):
    """An answer to an operator who gets no other.

    ``code``: NO, or AWAY; ``remedy``: what to do, None where that is not known.
    """

    def __init__(self, message: str, code: int = NO, remedy: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.remedy = remedy
