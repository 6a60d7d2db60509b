"""The frame of every page: its head, the style, what browsers may do with it, and alerts."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files

from zcasync.panel.markup import Content, Html, address, join, tag

STYLE = files("zcasync.panel").joinpath("style.css").read_text(encoding="utf-8")
_HASH = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
#: Nothing is loaded from anywhere, no other page shows this one, and nobody keeps it.
HEADERS = (
    ("Content-Type", "text/html; charset=utf-8"),
    ("Cache-Control", "no-store"),
    (
        "Content-Security-Policy",
        f"default-src 'none'; style-src 'sha256-{_HASH}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'",
    ),
    ("Referrer-Policy", "same-origin"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("X-Theme-Disabled", "True"),  # plone.app.theming would make another page of it
)


def page(title: str, panel: str, *contents: Content) -> str:
    """Return a whole document.  ``panel``: the address of the list."""
    head = join(
        tag("meta", charset="utf-8"),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("title", f"{title} - zcasync"),
        tag("style", Html(STYLE)),
    )
    brand = tag("header", tag("a", "Jobs", href=address(panel), class_="brand"))
    body = join(brand, tag("main", *contents))
    return f'<!DOCTYPE html>\n<html lang="en"><head>{head}</head><body>{body}</body></html>\n'


def alert(kind: str, *contents: Content) -> Html:
    """Return a bar with news: ``good``, ``bad``, or ``note``."""
    return tag("p", *contents, class_=f"alert {kind}", role="alert" if kind == "bad" else "status")


def badge(state: str | None) -> Html:
    """Return a state in its colour."""
    known = state or "unknown"
    return tag("span", known, class_=f"badge {known}" if known.isalpha() else "badge")


def facts(pairs: list[tuple[str, Content]]) -> Html:
    """Return a list of facts, without those that are not known."""
    found = [join(tag("dt", name), tag("dd", value)) for name, value in pairs if value is not None]
    return tag("dl", *found)
