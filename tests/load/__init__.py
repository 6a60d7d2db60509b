"""Tests of :mod:`zcasync.load`; ``tests/cli/test_bench.py`` has the whole with real processes."""
