"""Names: ``module:qualname`` for what can be imported, and the way back.

What is stored by name can be loaded where the module is missing; the error then comes when the call
is made, in that process.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from contextlib import nullcontext
from importlib import import_module
from typing import Any

from zcasync.errors import FOREIGN_CODE, BadCallable, MissingCallable
from zcasync.job.loading import Stage, loading
from zcasync.text import message_of, repr_of


def name_of(call: Any) -> str:
    """Return the name that leads back to a callable.  Raises BadCallable where there is none."""
    module = getattr(call, "__module__", None)
    qualname = getattr(call, "__qualname__", None)
    if not module or not qualname:
        raise BadCallable(f"{repr_of(call)} has no name by which another process could import it")
    if module == "__main__":
        spec = getattr(sys.modules.get("__main__"), "__spec__", None)
        if spec is None or not leads_to(spec.name, qualname, None):
            raise BadCallable(
                f"{qualname} is defined in the script that runs (__main__): move it to a module "
                "that the supervisor can import"
            )
        return f"{spec.name}:{qualname}"
    if not leads_to(module, qualname, call):
        raise BadCallable(
            f"{module}.{qualname} does not lead back to {repr_of(call)}: lambdas, closures and "
            "nested functions cannot be called by another process"
        )
    return f"{module}:{qualname}"


def leads_to(module: str, qualname: str, call: Any) -> bool:
    """Return whether a name leads to a callable; None: to any at all."""
    try:
        found = find(f"{module}:{qualname}")
    except MissingCallable:
        return False
    return call is None or found is call or (type(found) is type(call) and found == call)


@functools.lru_cache(maxsize=4096)
def _parts(name: str) -> tuple[str, tuple[str, ...]]:
    module, _, qualname = name.partition(":")
    return module, tuple(qualname.split("."))


def find(name: str) -> Callable[..., Any]:
    """Return the callable that ``module:qualname`` names; import the module when needed.

    Raises MissingCallable, with the cause chained, when there is none.
    """
    module_name, path = _parts(name)
    try:
        with nullcontext() if module_name in sys.modules else loading(Stage.CALL):
            # Not taken from there: a module that another thread imports is half there.
            module = import_module(module_name)
    except FOREIGN_CODE as error:  # the module's own code may raise anything
        raise MissingCallable(
            f"module {module_name!r} of callable {_dotted(name)} cannot be imported here: "
            f"{type(error).__name__}: {message_of(error)[:500]}",
            missing=_missing_module(error, module_name),
        ) from error
    found: Any = module
    for attribute in path:
        try:
            found = getattr(found, attribute)
        except AttributeError:
            raise MissingCallable(
                f"module {module_name!r} has no {'.'.join(path)!r}", missing=_dotted(name)
            ) from None
    return found  # type: ignore[no-any-return]


def _dotted(name: str) -> str:
    return name.replace(":", ".")


def _missing_module(error: BaseException, module: str) -> str | None:
    """Return the module for want of which an import fails; None: it fails by itself.

    One that the module imports counts too: what is missing comes with a deployment, a module that
    raises something else is there, and no wait mends it.
    """
    if not isinstance(error, ImportError):
        return None
    return error.name if error.name and isinstance(error.name, str) else module
