"""The first process of a host: ``boot.py SOCKET NAME ADDRESS FOLDER``, in namespaces of its own.

It names the host, gives it a boot id, a file of host names and an interface, and hands the other
end of that to whoever has started it.  Then it waits for the orphans of the host's processes, and
ends, and with it the host, when that other one is gone.
"""

from __future__ import annotations

import fcntl
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import uuid
from pathlib import Path

TUNSETIFF = 0x400454CA
IFF_TUN, IFF_NO_PI = 0x0001, 0x1000
INTERFACE = "uplink"


def set_up(name: str, folder: Path) -> None:
    """Give the host what makes it another one than this machine."""
    socket.sethostname(name)
    boot_id = folder / "boot_id"
    boot_id.write_text(f"{uuid.uuid4()}\n")
    _run("mount", "--bind", str(boot_id), "/proc/sys/kernel/random/boot_id")
    _run("mount", "--bind", str(folder / "names"), "/etc/hosts")


def interface(address: str) -> int:
    """Make the host's interface; the descriptor of its other end."""
    fd = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC)
    flags = struct.pack("16sH22x", INTERFACE.encode(), IFF_TUN | IFF_NO_PI)
    fcntl.ioctl(fd, TUNSETIFF, flags)
    _run("ip", "link", "set", "lo", "up")
    _run("ip", "address", "add", f"{address}/24", "dev", INTERFACE)
    _run("ip", "link", "set", INTERFACE, "up")
    return fd


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def wait_for_orphans() -> None:
    """Read the exit codes of all that becomes this process's, for ever."""
    while True:
        signal.sigwait({signal.SIGCHLD})
        try:
            while os.waitpid(-1, os.WNOHANG) != (0, 0):
                pass
        except ChildProcessError:
            continue


def end_with(caller: socket.socket) -> None:
    """End the host when the other end of this is closed, or its process is gone."""
    caller.recv(1)
    os._exit(0)


def main() -> None:
    """Set the host up and say so."""
    number, name, address, folder = sys.argv[1:]
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
    set_up(name, Path(folder))
    caller = socket.socket(fileno=int(number))
    fd = interface(address)
    socket.send_fds(caller, [b"ready"], [fd])
    os.close(fd)
    threading.Thread(target=end_with, args=(caller,), daemon=True).start()
    wait_for_orphans()


if __name__ == "__main__":
    main()
