"""The callable that a command line names."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from zcasync import import_path

if TYPE_CHECKING:
    from zcasync.instance.home import Home


def find_callable(name: str, home: Home) -> Callable[..., Any]:
    """Return the callable; what its module prints goes to standard error.

    Raises Refusal, MissingCallable and BadCallable.
    """
    from zcasync.errors import MissingCallable
    from zcasync.instance.settings import load
    from zcasync.job.callables import from_dotted, store_form

    import_path.add(load(home).settings.import_path)
    try:
        with contextlib.redirect_stdout(sys.stderr):
            call = from_dotted(name)
        store_form(call)
    except MissingCallable as error:
        raise MissingCallable(
            f"{error}; folders to import from are named by PYTHONPATH, and by import-path in "
            f"{home.config_file}"
        ) from error
    return call
