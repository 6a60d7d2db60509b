"""Jobs that are put by forms of a real Plone do in its worker what views do."""

from __future__ import annotations

import re
import struct
import zlib

from tests.integrations.browser import Answer, Browser, Upload
from tests.integrations.plone.conftest import EDITOR, Put, job_of
from tests.integrations.servers import Site
from tests.support.instance import Client, Instance


def token_in(page: Answer) -> str:
    """Return the token that Plone has added to a form."""
    found = re.search(r'name="_authenticator"[^>]*value="(\w+)"', page.text)
    assert found is not None, page.text
    return found[1]


def png(width: int = 3, height: int = 2) -> bytes:
    """A picture."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    rows = (b"\0" + b"\xff\x80\0" * width) * height
    return b"".join(
        [
            b"\x89PNG\r\n\x1a\n",
            chunk(b"IHDR", head),
            chunk(b"IDAT", zlib.compress(rows)),
            chunk(b"IEND", b""),
        ]
    )


def test_a_form_puts_a_job_that_creates_a_picture_which_a_search_finds(
    site: Site, worker: Instance, client: Client, editor: Browser
) -> None:
    path = "/Plone/gallery/@@add-picture"
    form = {"title": "Sunset", "file": Upload("sunset.png", png())}
    answer = editor.post(path, _authenticator=token_in(editor.get(path)), **form)
    assert answer.status == 202, site.output
    job = job_of(client, answer, site)
    client.wait_for(job)
    assert job.result == f"{site.url}/Plone/gallery/sunset.png"

    found = editor.get("/Plone/@@find", Title="Sunset", portal_type="Image").json
    assert [(one["url"], one["creator"]) for one in found] == [(job.result, EDITOR)]
    assert editor.get("/Plone/gallery/sunset.png/@@images/image").body == png()


def test_it_runs_as_the_user_in_the_site_of_the_put(
    site: Site, worker: Instance, client: Client, put: Put
) -> None:
    found = client.wait_for(put("/Plone/pages", "around"))
    assert found["site"] == "/Plone"
    assert found["user"] == EDITOR
    assert "Editor" in found["roles"]
    assert "Manager" not in found["roles"]
    assert found["language"] == "en"
    assert found["url"] == f"{site.url}/Plone/pages"
    assert found["portal_url"] == f"{site.url}/Plone"
    assert found["pid"] in worker.child_pids()


def test_it_may_run_as_another_one(client: Client, put: Put) -> None:
    found = client.wait_for(put("/Plone/pages", "around", run_as="admin"))
    assert (found["user"], "Manager" in found["roles"]) == ("admin", True)
