"""Mirrors zcasync/relstorage, as far as that needs no RelStorage; see tests/integrations."""
