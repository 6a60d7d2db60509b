"""Tests of the control panel, without a web framework."""
