"""What the tests of engines in an application's process share."""

from tests.processes.conftest import gate

__all__ = ["gate"]
