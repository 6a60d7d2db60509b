"""ApplicationName: the setting ``application``, which names a factory and its arguments."""

from __future__ import annotations

import shlex
from importlib import import_module
from typing import Any, NamedTuple

from zcasync.errors import ConfigurationError

#: The factories of this package bring the databases of their applications.
OWN = "zcasync."


class ApplicationName(NamedTuple):
    """A factory by its dotted name (``package.module.name`` or ``package.module:name``).

    ``arguments`` are the texts behind it, quoted as in a shell where there are spaces in them.
    """

    dotted: str
    arguments: tuple[str, ...] = ()

    @classmethod
    def of(cls, text: str) -> ApplicationName:
        """Return the name that a setting gives.  Raises ValueError."""
        try:
            dotted, *arguments = shlex.split(text)
        except ValueError as error:
            raise ValueError(f"{text!r} is no dotted name with arguments: {error}") from error
        module, separator, name = dotted.partition(":")
        parts = [*module.split("."), *(name.split(".") if separator else ())]
        if len(parts) < 2 or not all(one.isidentifier() for one in parts):
            raise ValueError(
                f"{dotted!r} is not the name of an application, such as myapp.jobs:set_up"
            )
        return cls(dotted, tuple(arguments))

    @property
    def is_own(self) -> bool:
        """True for a factory of this package."""
        return self.dotted.startswith(OWN)

    def as_text(self) -> str:
        """Return the text of the setting."""
        return shlex.join([self.dotted, *self.arguments])

    def find(self) -> Any:
        """Import the factory and return it.

        Raises ConfigurationError where there is none of this name, and what the import of its
        module raises.
        """
        module_name, separator, names = self.dotted.partition(":")
        if not separator:
            module_name, _, names = self.dotted.rpartition(".")
        found = self._import(module_name)
        for name in names.split("."):
            try:
                found = getattr(found, name)
            except AttributeError:
                raise ConfigurationError(
                    f"the application {self.dotted} is not there: {found.__name__} has no {name!r}"
                ) from None
        if not callable(found):
            raise ConfigurationError(
                f"the application {self.dotted} is a {type(found).__name__}, which cannot be called"
            )
        return found

    def _import(self, module_name: str) -> Any:
        try:
            return import_module(module_name)
        except ModuleNotFoundError as error:
            missing = error.name or ""
            if module_name != missing and not module_name.startswith(f"{missing}."):
                raise  # the module is there, and what it needs is not
            raise ConfigurationError(
                f"the application {self.dotted} is not there: no module {missing!r} on the path "
                "(is its package installed here, or is import-path to name its folder?)"
            ) from error
