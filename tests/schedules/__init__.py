"""Tests of ``zcasync.schedules``."""
