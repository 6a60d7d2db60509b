"""The process that performs thread jobs, one at a time, with its own connection to the storage."""
