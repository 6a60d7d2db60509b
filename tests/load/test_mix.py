"""The mix: how much of each kind there is, at any time."""

from __future__ import annotations

from collections import Counter

import pytest

from zcasync.load import calls
from zcasync.load.mix import Mix


def test_each_kind_has_its_share_of_any_stretch() -> None:
    mix = Mix("noop=80, short=15,cpu=5")
    assert mix.shares == {"noop": 0.8, "short": 0.15, "cpu": 0.05}
    for first in (0, 12_345):
        found = Counter(mix.kind(number) for number in range(first, first + 1000))
        for kind, share in mix.shares.items():
            assert abs(found[kind] / 1000 - share) < 0.01, (first, found)


def test_kinds_without_weights_have_the_same_share() -> None:
    assert Mix("noop").shares == {"noop": 1.0}
    assert Mix("short,cpu").shares == {"short": 0.5, "cpu": 0.5}
    assert [call for call, _ in Mix("short,data").calls()] == [calls.short, calls.data]


def test_a_mix_is_told_as_it_can_be_given() -> None:
    assert str(Mix("noop=3,cpu=1")) == "noop=75,cpu=25"
    assert Mix(str(Mix("noop=3,cpu=1"))).shares == Mix("noop=3,cpu=1").shares


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "'' is no kind of call: there are noop, short, cpu, data"),
        ("mail=3", "'mail' is no kind"),
        ("noop=0", "'noop=0' has no weight above 0"),
        ("noop=", "'noop=' has no weight"),
        ("noop=nan", "'noop=nan' has no weight"),
        ("noop=inf", "'noop=inf' has no weight"),
        ("noop,noop=2", "noop is named twice"),
    ],
)
def test_what_is_no_mix_is_refused(text: str, told: str) -> None:
    with pytest.raises(ValueError, match=told.replace("=", "=")) as caught:
        Mix(text)
    assert told in str(caught.value)


def test_the_calls_do_what_they_are_for() -> None:
    assert calls.noop() is None  # type: ignore[func-returns-value]
    assert calls.cpu() > 0
    text = calls.data(calls.TEXT)
    assert (len(text), text[::-1]) == (1024, calls.TEXT)
