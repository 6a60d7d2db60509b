"""Commands, and the supervisor before its reactor jobs, load nothing of Pyramid."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def test_whoever_asks_for_the_databases_loads_nothing_of_pyramid(tmp_path: Path) -> None:
    (tmp_path / "one.ini").write_text(
        "[app:main]\npaste.app_factory = no.such:main\nzodbconn.uri = zeo://localhost\n"
    )
    code = (
        "import pathlib, sys\n"
        "from zcasync.pyramid import Application\n"
        f"found = Application.databases(pathlib.Path({str(tmp_path)!r}), 'one.ini')\n"
        "assert len(found) == 1\n"
        "loaded = {name.partition('.')[0] for name in sys.modules}\n"
        "assert not loaded & {'pyramid', 'pyramid_zodbconn', 'webob'}, loaded\n"
        "assert 'twisted.internet.reactor' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True, timeout=60)


def test_an_application_that_includes_it_loads_no_reactor() -> None:
    code = (
        "import sys\n"
        "from pyramid.config import Configurator\n"
        "config = Configurator()\n"
        "config.include('zcasync.pyramid')\n"
        "assert 'twisted.internet.reactor' not in sys.modules\n"
        "assert not any(name.startswith('zcasync.supervisor') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)
