"""twisted_engine."""
