"""The command line: ``zcasync``."""
