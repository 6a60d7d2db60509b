"""Whether a configured database server listens, whichever kind of section names it."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from zcasync.database.client import is_any_server_away
from zcasync.instance.home import Home
from zcasync.instance.settings import load


@pytest.mark.parametrize("kind", ["zeoclient", "clientstorage"])
def test_a_server_is_away_when_nobody_listens(tmp_path: Path, kind: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
        file = tmp_path / "zcasync.conf"
        client = f"<{kind}>\nserver 127.0.0.1:{port}\n</{kind}>"
        file.write_text(f"%import ZEO\n<zodb>\n{client}\n</zodb>\n")
        configuration = load(Home(tmp_path), file)

        assert is_any_server_away(configuration)
        listener.listen()
        assert not is_any_server_away(configuration)
