"""Makes ``twistd zcasync`` known to twistd."""

from typing import Any

from twisted.application.service import ServiceMaker

from zcasync import standard_streams


class _ServiceMaker(ServiceMaker):  # type: ignore[misc]
    @property
    def options(self) -> Any:
        """The class of the options; loading it installs the reactor, which opens files."""
        standard_streams.open_missing()
        return super().options


zcasync = _ServiceMaker(
    "zcasync",
    "zcasync.supervisor.options",
    "Run the supervisor of an instance home: durable asynchronous calls in the ZODB.",
    "zcasync",
)
