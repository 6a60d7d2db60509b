"""Texts that terminals and readers of logs act on, and the search for what has come through."""

from __future__ import annotations

import unicodedata

#: A line that looks like a record of a supervisor's log, and one that looks like our own message.
FAKED = "2001-01-01T01:01:01+0000 [zcasync.output#info] child 0 job 0x1: faked"
FAKED_MESSAGE = "zcasync: faked"
#: Texts, one of each kind of character that may not be shown as it is.
HOSTILE = {
    "c0": "a" + "".join(map(chr, range(32))) + "b",
    "c1": "a" + "".join(map(chr, range(127, 160))) + "b",
    "lines": "a\u2028\u2029\x85\v\f\x1c\x1d\x1eb",
    "bidirectional": "a\u200e\u200f\u061c\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069b",
    "invisible": "a\u200b\u200c\u200d\u2060\ufeff\u00ad\U000e0041b",
    "surrogates": "a\udfff\ud800b",
    "records": f"a\n{FAKED}\n{FAKED_MESSAGE}\nb",
    "overwritten": f"a\r{FAKED_MESSAGE}\x1b[2J\b\b",
}


def acting(text: str, allowed: str = "\n") -> set[str]:
    """The characters of a text that act on what shows it, as literals."""
    kinds = ("Cc", "Cf", "Cs", "Zl", "Zp")
    found = {one for one in text if unicodedata.category(one) in kinds}
    return {ascii(one) for one in found - set(allowed)}


def faked(text: str) -> list[str]:
    """The lines that a reader would take for ours, and are not."""
    return [line for line in text.split("\n") if line.startswith((FAKED[:19], FAKED_MESSAGE))]
