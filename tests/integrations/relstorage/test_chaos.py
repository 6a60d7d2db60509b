"""The chaos suite in its short form, on RelStorage; ``make chaos STORAGE=relstorage`` is long."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.chaos import test_random


def test_nothing_is_lost_and_nothing_happens_twice_whatever_dies(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    test_random.test_nothing_is_lost_and_nothing_happens_twice_whatever_dies(
        folder, monkeypatch, "relstorage"
    )
