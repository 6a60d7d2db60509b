"""Measures zcasync, as ratios to raw commits through the same database server in the same run."""
