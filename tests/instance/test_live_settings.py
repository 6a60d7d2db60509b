"""Settings of a supervisor that runs: some change, of the others it is said that they do not."""

from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path

from zcasync.instance.live_settings import LIVE, LiveSettings
from zcasync.instance.settings import Settings

HANDBOOK = Path(__file__).parents[2] / "docs" / "operations.rst"


def test_live_settings_change_and_others_do_not() -> None:
    live = LiveSettings.of(replace(Settings(), poll_seconds=2.0))
    changes = live.adopt(replace(Settings(), grace_period=1.5, allow=("app", "lib")))
    assert (live.grace_period, live.poll_seconds, live.allow) == (1.5, 2.0, ())
    assert sorted(map(str, changes)) == [
        "allow cannot change while this runs: it is unset until the supervisor is started again, "
        "and app lib then",
        "grace-period is 1.5 now (before: 25)",
        "poll-seconds cannot change while this runs: it is 2 until the supervisor is started "
        "again, and unset then",
    ]
    again = live.adopt(replace(Settings(), grace_period=1.5, allow=("app", "lib")))
    assert [one.name for one in again] == ["poll-seconds", "allow"]


def test_what_is_the_same_is_no_change() -> None:
    settings = replace(Settings(), spare=False)
    assert LiveSettings.of(settings).adopt(settings) == []


def test_live_settings_are_settings_and_the_handbook_names_them() -> None:
    assert {one.name for one in fields(Settings)} >= LIVE
    text = HANDBOOK.read_text()
    assert [name for name in LIVE if f"``{name.replace('_', '-')}``" not in text] == []
