"""A later version of zcasync, for processes with this folder on their ``PYTHONPATH``.

It knows records of format 2 and an option ``colour``.
"""

from __future__ import annotations

from zcasync import formats
from zcasync.job import control_fields

VERSION = "9.0"
formats.RECORD_FORMAT = 2
formats.this_version = lambda: VERSION  # type: ignore[assignment]
control_fields.KNOWN |= {"colour"}
