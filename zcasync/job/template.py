"""Templates: a call that is stored to be put many times, and the partials that are made of it.

A template is the state of a partial that was never put: plain values, packed ones and references to
stored objects.  Whoever makes a partial of it loads nothing of the application.  Nobody changes
what is in it, so all that is made of it shares its values.
"""

from __future__ import annotations

from typing import Any, TypeVar

from zcasync.errors import DamagedRecord
from zcasync.job.arguments import parts
from zcasync.job.packed import Packed
from zcasync.job.record import PartialRecord
from zcasync.job.values import Boxed

P = TypeVar("P", bound=PartialRecord)

#: The stored form of a call that is put many times: the attributes of a partial.
Template = dict[str, Any]

#: What each partial that is made of a template has for itself.
OF_EACH = ("_queue", "_put", "_due", "_by", "_scheduled")


def require_repeatable(partial: PartialRecord) -> None:
    """Raise ValueError for a partial that has what cannot be put more than once."""
    if partial.stored_sidecar is not None:
        raise ValueError(
            f"{partial!r} has callbacks or annotations, which belong to one job: a call that is "
            "put many times has none; let the call itself put what is to follow"
        )
    for name, value in parts(partial):
        if isinstance(value, PartialRecord):
            raise ValueError(
                f"{name} of {partial.callable_name} is a partial, which belongs to one job: a call "
                "that is put many times has none among its arguments"
            )


def template_of(partial: PartialRecord) -> Template:
    """Return the template of a partial whose call is kept (``keep_call``)."""
    own = vars(partial).items()
    return {name: one for name, one in own if name not in OF_EACH and not name.startswith("_v_")}


def partial_of(kind: type[P], template: Template) -> P:
    """Return a new partial with the call of a template.  Raises DamagedRecord."""
    made = kind.__new__(kind)
    made.__setstate__(dict(template))
    return made


def require_template(kind: type[PartialRecord], template: Any) -> None:
    """Raise DamagedRecord for what can be no template."""
    if type(template) is not dict:
        raise DamagedRecord("its call cannot be of type " + type(template).__name__)
    partial_of(kind, template)


def is_same(one: Any, other: Any) -> bool:
    """Return whether two templates, or parts of them, are of the same call and options."""
    if type(one) is not type(other):
        return False
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(is_same(one[key], other[key]) for key in one)
    if isinstance(one, list | tuple):
        return len(one) == len(other) and all(map(is_same, one, other))
    if isinstance(one, Packed):
        return one.data == other.data and is_same(one.references, other.references)
    if isinstance(one, Boxed):
        return is_same(one.box.value, other.box.value)
    if hasattr(type(one), "_p_oid"):
        return one is other
    return bool(one == other)
