"""Makes ``twistd zcasync`` known to twistd."""

from twisted.application.service import ServiceMaker

zcasync = ServiceMaker(
    "zcasync",
    "zcasync.supervisor.options",
    "Run the supervisor of an instance home: durable asynchronous calls in the ZODB.",
    "zcasync",
)
