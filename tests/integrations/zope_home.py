"""The home of a Zope, as its own ``mkwsgiinstance`` makes it, with its data at a ZEO server."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

from tests.integrations.servers import DatabaseServer, Site
from tests.support.ports import free_port

ADMIN, PASSWORD = "admin", "secret"
ZOPE_CONF = """\
instancehome {home}
<zodb_db main>
  <zeoclient>
    server 127.0.0.1:{port}
    blob-dir {blobs}
    shared-blob-dir on
  </zeoclient>
  mount-point /
</zodb_db>
"""


def make(home: Path, server: DatabaseServer, conf: str = ZOPE_CONF) -> Site:
    """Make the home; return its web server, which does not run yet.

    ``conf``: its ``etc/zope.conf``, with ``{home}``, ``{port}`` and ``{blobs}``.  The user is
    ``ADMIN``, and what else is there is what ``mkwsgiinstance`` makes.
    """
    run("mkwsgiinstance", "-d", home, "-u", f"{ADMIN}:{PASSWORD}")
    text = conf.format(home=home, port=server.port, blobs=server.blobs)
    (home / "etc" / "zope.conf").write_text(text)
    port = free_port()
    ini = home / "etc" / "zope.ini"
    ini.write_text(ini.read_text().replace("port = 8080", f"port = {port}"))
    return Site(home, ["runwsgi", str(ini)], port=port)


def include(home: Path, package: str, file: str | None = None) -> None:
    """Have a package's ZCML loaded, at the end of ``etc/site.zcml``."""
    named = "" if file is None else f' file="{file}"'
    path = home / "etc" / "site.zcml"
    before, end, after = path.read_text().rpartition("</configure>")
    path.write_text(f'{before}  <include package="{package}"{named} />\n{end}{after}')


def run_script(home: Path, script: str, environment: Mapping[str, str] | None = None) -> str:
    """Run a script with ``app``, as ``zconsole run`` does; return what it has printed."""
    path = home / "script.py"
    path.write_text(script)
    return run("zconsole", "run", home / "etc" / "zope.conf", path, environment=environment)


def run(program: str, *arguments: str | Path, environment: Mapping[str, str] | None = None) -> str:
    """Run a program of this environment; return its output, which is in the error, too.

    ``environment``: its variables besides those here.
    """
    command = [str(Path(sys.executable).with_name(program)), *map(str, arguments)]
    variables = {**os.environ, **(environment or {})}
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=variables)
    assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
    return done.stdout
