"""A client whose server's packets are dropped: a program for a network of its own, see unshare.

``python -m tests.zeo.dropped_packets FOLDER SECONDS`` prints a line when a client with a heartbeat
was told, and one when it is connected again.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from ZEO.Exceptions import ClientDisconnected

from tests.processes.servers import Server
from tests.support.instance import ROOT
from zcasync.database.opening import open_servers
from zcasync.testing.waiting import wait_until
from zcasync.zeo.heartbeat import watch_servers

#: A queue in which no packet has room.
DROP = "qdisc add dev lo root pfifo limit 0"
DROP_NONE = "qdisc del dev lo root"


def main(folder: Path, seconds: float) -> None:
    """Do it."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    server = Server(folder, [ROOT], module="zcasync.zeo").start()
    try:
        db = open_servers({"main": [[["127.0.0.1", server.port]], "1"]}, 30.0)
        watch_servers(db, seconds)
        storage = db.storage
        storage.ping()
        before = storage._server.client.protocol
        subprocess.run(["tc", *DROP.split()], check=True)
        try:
            storage.ping()
        except ClientDisconnected as error:
            print("told:", error)
        time.sleep(2 * seconds)  # connections are asked for
        subprocess.run(["tc", *DROP_NONE.split()], check=True)
        wait_until(
            lambda: storage.is_connected() and storage._server.client.protocol is not before,
            "another connection",
            60,
        )
        storage.ping()
        print("back")
        db.close()
    finally:
        server.stop()


if __name__ == "__main__":
    main(Path(sys.argv[1]), float(sys.argv[2]))
