"""CallFields: the stored callable and arguments of a partial, loaded only where they are needed.

Who reads a partial's record loads nothing of the application with it: what is not plain is packed
in the record, and loaded where the call is made, or its arguments are shown.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, ClassVar, Self

from transaction.interfaces import TransientError
from ZODB.POSException import StorageError

from zcasync.errors import FOREIGN_CODE, UnloadableArguments
from zcasync.job.attempt_fields import AttemptFields
from zcasync.job.callables import dotted, load_form, require_allowed, store_form
from zcasync.job.field_types import ALL, Check, is_text, one_of, optional
from zcasync.job.packed import PLAIN, Packed, is_plain, pack
from zcasync.text import message_of


def _is_stored_call(value: Any) -> bool:
    """Return whether this can be the stored form of a callable: see ``callables``."""
    if type(value) is tuple:
        return len(value) == 2 and is_text(value[1])
    is_plain_value = value is None or type(value) in PLAIN or isinstance(value, list | dict)
    return type(value) is str or not is_plain_value


def _is_whole(state: dict[str, Any]) -> bool:
    """Return whether a state has what each one needs; a claim is of a queue's partial only."""
    return "_call" in state and (state.get("_claim") is None or state.get("_queue") is not None)


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
    _v_call: Any = None
    _v_unpacked: Any = None
    _v_missing: tuple[str, ...] = ()

    def __init__(self, call: Callable[..., Any], /, *args: Any, **kwargs: Any) -> None:
        self.__dict__["_call"] = store_form(call)
        if args:
            self.__dict__["_args"] = args
        if kwargs:
            self.__dict__["_kwargs"] = kwargs

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
        return load_form(self._call)

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
    def stored_arguments(self) -> tuple[Any, ...]:
        """The positional arguments, as they are stored; none where they are packed.

        Those that are packed are the application's: nothing of zcasync's own is among them.
        """
        return self._args if self._packed is None else ()

    @property
    def is_packed(self) -> bool:
        """True where loading the callable or the arguments runs code of the application."""
        return self._packed is not None or isinstance(self.__dict__.get("_call"), Packed)

    @property
    def _call(self) -> Any:
        """The stored form of the callable.  Raises UnloadableArguments where it is packed."""
        stored = self.__dict__.get("_call")
        if not isinstance(stored, Packed):
            return stored
        if self._v_call is None:
            self._v_call = self._load(stored, "callable")
        return self._v_call

    @_call.setter
    def _call(self, call: Any) -> None:
        self.__dict__["_call"] = call
        if self._name is not None:
            del self._name
        self._p_changed = True

    @property
    def _args(self) -> tuple[Any, ...]:
        """The positional arguments.  Raises UnloadableArguments where they are packed."""
        return self._arguments[0]

    @_args.setter
    def _args(self, args: tuple[Any, ...]) -> None:
        self._unpack()
        self.__dict__["_args"] = args
        self._p_changed = True

    @property
    def _kwargs(self) -> dict[str, Any] | None:
        """The keyword arguments; None: there are none.  Raises as ``_args``."""
        return self._arguments[1]

    @_kwargs.setter
    def _kwargs(self, kwargs: dict[str, Any] | None) -> None:
        self._unpack()
        self.__dict__["_kwargs"] = kwargs
        self._p_changed = True

    @property
    def _arguments(self) -> tuple[tuple[Any, ...], dict[str, Any] | None]:
        if self._packed is None:
            own = self.__dict__
            return own.get("_args", ()), own.get("_kwargs")
        if self._v_unpacked is None:
            self._v_unpacked = self._load(self._packed, "arguments")
        found: tuple[tuple[Any, ...], dict[str, Any] | None] = self._v_unpacked
        return found

    def _load(self, packed: Packed, what: str) -> Any:
        try:
            value, missing = packed.load_noting(self._p_jar)
        except (TransientError, StorageError):
            raise  # the fault of the storage, not of the arguments
        except FOREIGN_CODE as error:  # all that loading the application's objects raises
            raise UnloadableArguments(
                f"the {what} of {self.callable_name} cannot be loaded: "
                f"{type(error).__name__}: {message_of(error)[:200]}"
            ) from error
        self._v_missing += tuple(missing)
        return value

    @property
    def missing_names(self) -> tuple[str, ...]:
        """The dotted names, of classes and functions, that what is packed needs and has not got.

        Known once callable and arguments were loaded.
        """
        return self._v_missing

    def _unpack(self) -> None:
        """Keep the arguments as they are again, before one of them changes."""
        if self._packed is not None:
            args, kwargs = self._arguments
            del self._packed
            self.__dict__.update(_args=args, _kwargs=kwargs)

    def __getstate__(self) -> Any:
        """Return the state to be stored, with arguments that are not plain packed."""
        state = super().__getstate__()
        if state is None:
            return state
        call = state.get("_call")
        if isinstance(call, functools.partial):
            state["_name"] = dotted(call)
            state["_call"] = pack(call, "callable")
        args, kwargs = state.get("_args", ()), state.get("_kwargs")
        if (args or kwargs) and not (is_plain(args) and is_plain(kwargs)):
            state["_packed"] = pack((args, kwargs), f"call of {self.callable_name}")
            state.pop("_args", None)
            state.pop("_kwargs", None)
        return state
