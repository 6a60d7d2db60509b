"""Whether the supervisor of a home lives, as far as that can be known from here."""

from __future__ import annotations

from zcasync.instance.home import Home
from zcasync.instance.lock import is_held
from zcasync.instance.process_identity import ProcessIdentity
from zcasync.instance.settings import load


def is_alive(home: Home, holder: ProcessIdentity) -> bool | None:
    """Return whether the last holder of the home's lock lives; None: it may, elsewhere."""
    alive = holder.is_alive()
    if alive is not None:
        return alive
    # From before a boot, in another container, or hidden from this user; the kernel still knows
    # whether it is held.
    try:
        if is_held(home):
            return True
    except PermissionError:
        return None
    # The embedded default's file belongs to this machine; other databases may be used elsewhere.
    return False if is_alone(home) else None


def is_alone(home: Home) -> bool:
    """Return whether no other home can have a worker in this one's database."""
    return load(home).is_embedded
