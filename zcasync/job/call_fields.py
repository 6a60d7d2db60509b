"""CallFields: the stored callable and arguments of a partial, loaded only where they are needed.

Who reads a partial's record loads nothing of the application with it: what is not plain is packed
in the record, what is large is boxed in one of its own, and both are loaded where the call is made.
Each attempt has values of its own; who reads the arguments between attempts has others.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import MappingProxyType
from typing import Any, ClassVar, Self

from zcasync.interfaces import ACTIVE
from zcasync.job.attempt_fields import AttemptFields
from zcasync.job.callables import dotted, load_form, require_allowed, store_form
from zcasync.job.context import in_place
from zcasync.job.field_types import ALL, Check, is_text, one_of, optional
from zcasync.job.kept import (
    Args,
    Call,
    Kwargs,
    Opener,
    Pickles,
    copy_of,
    has_box,
    keep_arguments,
    keep_callable,
    same,
)
from zcasync.job.packed import PLAIN, SIMPLE, Packed
from zcasync.job.values import Boxed, is_short


def _is_stored_call(value: Any) -> bool:
    """Return whether this can be the stored form of a callable: see ``callables``."""
    if type(value) is tuple:
        return len(value) == 2 and is_text(value[1])
    is_plain_value = value is None or type(value) in PLAIN or isinstance(value, list | dict)
    return type(value) is str or not is_plain_value


#: What is made of the stored fields until the next attempt.
READINGS = ("_v_ready", "_v_unpacked", "_v_read", "_v_call")


def _is_whole(state: dict[str, Any]) -> bool:
    """Return whether a state has what each one needs, and a claimed call its queue."""
    is_claimed = state.get("_claim") is not None and state.get("_state") == ACTIVE
    return "_call" in state and not (is_claimed and state.get("_queue") is None)


class CallFields(AttemptFields):
    """The call of a partial."""

    _field_types: ClassVar[dict[str, Check]] = {
        **AttemptFields._field_types,
        "_call": _is_stored_call,
        "_name": optional(is_text),
        "_packed": optional(one_of(Packed)),
        "_args": one_of(tuple),
        "_kwargs": optional(lambda value: type(value) is dict and all(map(is_text, value))),
        ALL: _is_whole,
    }

    _name: str | None = None  # of a packed callable
    _packed: Packed | None = None  # the arguments
    _v_own: bool = False  # they are the application's own objects: it has not been kept yet
    _v_ready: Call | None = None  # for the next attempt
    _v_unpacked: tuple[Args, Kwargs] | None = None
    _v_read: tuple[Args, Kwargs] | None = None
    _v_call: Any = None

    def __init__(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        own = self.__dict__
        own["_call"] = stored = store_form(call)
        if type(stored) is tuple:
            own["_v_given"] = call.__self__  # type: ignore[attr-defined]
        if args:
            own["_args"] = args
        if kwargs:
            own["_kwargs"] = kwargs
        if args or kwargs or isinstance(call, functools.partial):
            own["_v_own"] = True

    @classmethod
    def bind(cls, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Self:
        """Return a partial that is called with itself as the first argument."""
        partial = cls(call, **kwargs)
        partial._args = (partial, *args)
        return partial

    def require_pending(self, what: str) -> None:
        """Raise BadStateError, naming what cannot change, unless the partial is pending."""
        raise NotImplementedError

    @property
    def callable(self) -> Callable[..., Any]:
        """The callable itself.  Raises MissingCallable where it cannot be found, NotAllowed."""
        require_allowed(self._p_jar, self._call)
        return in_place(self, load_form(self._call))  # type: ignore[no-any-return]

    @callable.setter
    def callable(self, call: Callable[..., Any]) -> None:
        self.require_pending("callable")
        stored = store_form(call)
        require_allowed(self._p_jar, stored)
        self._call = stored

    @property
    def callable_name(self) -> str:
        """The dotted name of the callable; imports nothing."""
        return self._name or dotted(self._call)

    @property
    def stored_callable(self) -> Any:
        """The callable, as it is stored; loads nothing of a packed one."""
        self._p_activate()
        return self.__dict__.get("_call")

    @property
    def given_owner(self) -> Any:
        """The object of a method, as it was given, wrapped for instance; None once stored."""
        return self.__dict__.get("_v_given")

    @property
    def stored_arguments(self) -> Args:
        """The positional arguments, as they are stored; of packed ones, the application's, none."""
        return self.__dict__.get("_args", ()) if self._packed is None else ()

    @property
    def argument_forms(self) -> tuple[Args, Kwargs]:
        """The arguments, with what stands for those that are boxed; loads no box.

        To be looked at, not changed.  Raises UnloadableArguments where they are packed.
        """
        if self._packed is None:
            return self.__dict__.get("_args", ()), self.__dict__.get("_kwargs")
        if self._v_unpacked is None:
            self._v_unpacked = self._opener().load(self._packed, "arguments")
        return self._v_unpacked

    @property
    def is_packed(self) -> bool:
        """True where loading the callable or the arguments runs code of the application."""
        return self._packed is not None or isinstance(self.stored_callable, Packed | Boxed)

    @property
    def is_boxed(self) -> bool:
        """True where arguments that are not packed have records of their own."""
        return self._packed is None and has_box(*self.argument_forms)

    @property
    def _call(self) -> Any:
        """The stored form of the callable.  Raises UnloadableArguments where it is packed."""
        stored = self.__dict__.get("_call")
        if not isinstance(stored, Packed | Boxed):
            return stored
        if self._v_call is None:
            self._v_call = self._opener().load(stored, "callable")
        return self._v_call

    @_call.setter
    def _call(self, call: Any) -> None:
        self.__dict__["_call"] = call
        if self._name is not None:
            del self._name
        self._become_own()

    @property
    def _args(self) -> Args:
        """The positional arguments.  Raises UnloadableArguments where they are packed or boxed."""
        return self._arguments[0]

    @_args.setter
    def _args(self, args: Args) -> None:
        self._unpack()
        self.__dict__["_args"] = args
        self._become_own()

    @property
    def _kwargs(self) -> Kwargs:
        """The keyword arguments; None: there are none.  Raises as ``_args``."""
        return self._arguments[1]

    @_kwargs.setter
    def _kwargs(self, kwargs: Kwargs) -> None:
        self._unpack()
        self.__dict__["_kwargs"] = kwargs
        self._become_own()

    @property
    def _arguments(self) -> tuple[Args, Kwargs]:
        """The arguments for who reads them; what is kept is changed by nobody."""
        args, kwargs = forms = self.argument_forms
        if self._v_own and not has_box(args, kwargs):
            return forms
        if self._v_read is None:
            opener = self._opener()
            is_kept = not self._v_own and self._packed is None
            self._v_read = opener.arguments(args, kwargs, opener.copy if is_kept else same)
        return self._v_read

    def _unpack(self) -> None:
        """Let the arguments stand in the record again, before one of them changes."""
        if self._packed is not None:
            args, kwargs = self.argument_forms
            del self._packed
            self.__dict__.update(_args=args, _kwargs=kwargs)

    def _become_own(self) -> None:
        self.forget_readings()
        self.__dict__["_v_own"] = True
        self._p_changed = True

    # the call of one attempt

    def ready_call(self) -> Call:
        """Load the call for an attempt that is going to be made, and return it.

        Raises UnloadableArguments.
        """
        if self._v_ready is None:
            self._v_ready = self._load_anew()
        return self._v_ready

    def take_call(self) -> Call:
        """Return the call for one attempt, whose values nobody else has seen or will be given.

        Raises UnloadableArguments.
        """
        ready, own = self.ready_call(), self.__dict__
        for name in READINGS:  # the call may read its partial, too
            own.pop(name, None)
        return ready

    def _load_anew(self) -> Call:
        own, packed, call = self.__dict__, self._packed, self.stored_callable
        args, kwargs = own.get("_args", ()), own.get("_kwargs")
        is_simple = packed is None and type(call) is str and SIMPLE.issuperset(map(type, args))
        if is_simple and (kwargs is None or SIMPLE.issuperset(map(type, kwargs.values()))):
            return Call(call, args, kwargs, is_simple=True)
        opener = self._opener()
        make: Callable[[Any], Any] = copy_of if self._v_own else opener.copy
        if isinstance(call, Packed | Boxed):
            call = opener.load(call, "callable")
        elif isinstance(call, functools.partial):
            call = copy_of(call)
        if packed is not None:
            (args, kwargs), make = opener.load(packed, "arguments"), same
        args, kwargs = opener.arguments(args, kwargs, make)
        return Call(call, args, kwargs, tuple(opener.missing))

    def _opener(self) -> Opener:
        return Opener(self.callable_name, self._p_jar)

    # keeping

    def keep_call(self, pickles: Pickles = MappingProxyType({})) -> None:
        """Keep the call as it is now, whatever the application does with its objects later.

        ``pickles``: those of its parts that have been made already.  Raises UnstorableError.
        """
        if not self._v_own:
            return
        own = self.__dict__
        if self._is_immutable():  # as most calls are: they are kept already
            del own["_v_own"]
            return
        name, kept = self.callable_name, {}
        if isinstance(own["_call"], functools.partial):
            kept = {"_name": name, "_call": keep_callable(own["_call"], name, pickles)}
        if self._packed is None:
            kept |= keep_arguments(*self.argument_forms, name, pickles)
            own.pop("_args", None)
            own.pop("_kwargs", None)
        own.update(kept)
        self.forget_readings()

    def _is_immutable(self) -> bool:
        own = self.__dict__
        is_named = type(own["_call"]) is str or isinstance(own["_call"], tuple)
        kwargs = own.get("_kwargs") or {}
        if self._packed is not None or not (is_named and {str}.issuperset(map(type, kwargs))):
            return False
        return all(map(is_short, (*own.get("_args", ()), *kwargs.values())))

    def forget_readings(self) -> None:
        """Let what was made of the stored call go."""
        for name in ("_v_own", *READINGS):
            self.__dict__.pop(name, None)

    def __getstate__(self) -> Any:
        """Return the state to be stored, with all that the application could still change kept."""
        self.keep_call()
        self.__dict__.pop("_v_given", None)
        return super().__getstate__()
