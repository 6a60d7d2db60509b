"""Tests with real processes: supervisors, children, storage servers, signals."""
