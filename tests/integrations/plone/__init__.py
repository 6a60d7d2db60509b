"""Tests with a real Plone: ``make integrations-plone``."""
