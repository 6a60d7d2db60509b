"""The demo: jobs that index the source of Python's standard library, and a count to check them."""
