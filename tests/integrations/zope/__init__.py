"""Tests with a real Zope: ``make integrations-zope6 integrations-zope5``."""
