"""Fixtures of the simulation: those of the model."""

from __future__ import annotations

from tests.model.conftest import fake_clock, file_db

__all__ = ["fake_clock", "file_db"]
