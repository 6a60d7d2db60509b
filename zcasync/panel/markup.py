"""Markup: HTML of which every text is escaped, unless it is HTML already."""

from __future__ import annotations

from html import escape
from urllib.parse import urlencode

from zcasync.text import printable_lines

#: Elements without an end.
VOID = frozenset({"input", "br", "meta"})


class Html(str):
    """A text that is HTML already."""

    __slots__ = ()


#: What an element holds: nothing, a text, HTML.
Content = object


def text(value: object) -> Html:
    """Return a value as HTML: escaped, and without characters that act on what shows it."""
    if isinstance(value, Html):
        return value
    return Html("" if value is None else escape(printable_lines(str(value)), quote=True))


def join(*contents: Content) -> Html:
    """Return several, one behind the other."""
    return Html("".join(map(text, contents)))


def tag(element: str, /, *contents: Content, **attributes: object) -> Html:
    """Return an element.  An attribute of None is left out, one of True has no value.

    ``class_`` is ``class``; underscores in other names are hyphens.
    """
    given = "".join(
        f" {_name(key)}" if value is True else f' {_name(key)}="{text(value)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    end = "" if element in VOID else f"{join(*contents)}</{element}>"
    return Html(f"<{element}{given}>{end}")


def _name(key: str) -> str:
    return key.rstrip("_").replace("_", "-")


def address(path: str, **query: object) -> str:
    """Return an address with parameters, those that are None left out."""
    given = {name: value for name, value in query.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path
