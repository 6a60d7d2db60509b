"""Tests with a real Pyramid: ``make integrations-pyramid``."""
