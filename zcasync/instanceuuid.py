"""The UUID of an instance: ``INSTANCE_HOME/etc/uuid.txt``, made once and never changed."""

from __future__ import annotations

import os
import uuid
from pathlib import Path
from typing import Any

from zope.interface import implementer

from zcasync.errors import ConfigurationError
from zcasync.instance import own_files
from zcasync.instance.home import Home
from zcasync.interfaces import IUUID


@implementer(IUUID)
class InstanceUUID(uuid.UUID):
    """A ``uuid.UUID`` that can be registered as the utility ``(IUUID, name="instance")``."""

    __slots__ = ("__provides__",)


def uuid_path(home: str | os.PathLike[str] | None = None) -> Path:
    """Return the path of a home's UUID.  ``home`` None: ``$INSTANCE_HOME``, else ``./instance``."""
    return Path(home or os.environ.get("INSTANCE_HOME") or "instance") / "etc" / "uuid.txt"


def readUUID(home: str | os.PathLike[str] | None = None) -> InstanceUUID | None:
    """Return a home's UUID, None when it has none.

    Raises ConfigurationError for a bad file, and for a home that others could have written.
    """
    path = uuid_path(home)
    if not Home.named(home).is_there():
        return None
    try:
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from error
    try:
        return InstanceUUID(text)
    except ValueError:
        raise ConfigurationError(
            f"{path} holds {text[:40]!r}, not a UUID: restore the file, or remove it to let this "
            "instance start as a new worker"
        ) from None


def getUUID(home: str | os.PathLike[str] | None = None) -> InstanceUUID:
    """Return the UUID of a home; write one when there is none, and create the home too.

    Two processes that do this at once agree on one UUID.  Raises ConfigurationError as ``readUUID``
    does.
    """
    path = uuid_path(home)
    found = readUUID(home)
    if found is None:
        Home.named(home).make()
        own_files.create_folder(path.parent)
        fresh = path.with_name(f"uuid.txt.{os.getpid()}.{uuid.uuid4().hex}")
        own_files.create(fresh, f"{uuid.uuid4().hex}\n")
        try:
            os.link(fresh, path)  # atomic, and fails where another process was first
        except FileExistsError:
            pass
        finally:
            fresh.unlink()
        found = readUUID(home)
        assert found is not None
    return found


def __getattr__(name: str) -> Any:
    if name == "UUID":
        return getUUID()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
