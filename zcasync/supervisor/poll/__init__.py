"""poll."""
