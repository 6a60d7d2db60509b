"""Tests over RelStorage on a real PostgreSQL: ``make integrations-relstorage``."""
