"""The tests of zcasync.  A package, so that child processes can import ``tests.jobs.basic``."""
