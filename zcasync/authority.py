"""A small authority: certificates for a database's server and its clients, made with ``openssl``.

A folder has the authority's own two files and, for each host, a folder with all that this host
needs.  What is asked for is made anew; the authority itself never is.
"""

from __future__ import annotations

import ipaddress
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from zcasync import clock
from zcasync.errors import ConfigurationError

KEY, CERTIFICATE = "ca.key", "ca.pem"
#: The authority is good for so many days.
AUTHORITY_DAYS = 3650
#: For one run of ``openssl``.
SECONDS = 60
#: A host's name is a part of paths, of a configuration of ``openssl`` and of a subject.
NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._:-]{0,253}[A-Za-z0-9])?")
SETTINGS = """
[req]
prompt = no
encrypt_key = no
distinguished_name = name

[name]

[ca]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash

[server]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
{names}

[client]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
"""


@dataclass(frozen=True)
class Made:
    """A certificate that was made: for which host, ``server`` or ``client``, where, until when."""

    host: str
    kind: str
    folder: Path
    ends: datetime


class Authority:
    """The authority in a folder, which is made with it where it is missing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    @property
    def certificate(self) -> Path:
        """What everybody may have, and by what others are believed."""
        return self.folder / CERTIFICATE

    @property
    def key(self) -> Path:
        """Whoever has this makes clients."""
        return self.folder / KEY

    def make(self, name: str) -> bool:
        """Make it, unless it is there; return whether it was made.

        Raises ConfigurationError where one of its two files is missing, or it cannot be made.
        """
        there = [one for one in (self.key, self.certificate) if one.exists()]
        if len(there) == 1:
            raise ConfigurationError(
                f"{self.folder} has {there[0].name} alone: an authority is two files, {KEY} and "
                f"{CERTIFICATE}; bring the other one back, or begin in an empty folder"
            )
        if there:
            return False
        _folder(self.folder)
        self._write("ca", name, (), self.folder, "ca", AUTHORITY_DAYS)
        return True

    def server(self, names: Sequence[str], days: int) -> Made:
        """Make the certificate of a server with these names and addresses; the first is its folder.

        Raises ConfigurationError.
        """
        return self._issue("server", names, days)

    def client(self, name: str, days: int) -> Made:
        """Make the certificate of the clients on a host.  Raises ConfigurationError."""
        return self._issue("client", (name,), days)

    def _issue(self, kind: str, names: Sequence[str], days: int) -> Made:
        for name in names:
            if not NAME.fullmatch(name) or ".." in name or name in (KEY, CERTIFICATE):
                raise ConfigurationError(
                    f"{name!r} is no name or address of a host: letters, digits, dots and hyphens"
                )
        place = self.folder / names[0]
        _folder(place)
        shutil.copyfile(self.certificate, place / CERTIFICATE)
        self._write(kind, names[0], names, place, kind, days)
        ends = clock.to_datetime(clock.now()) + timedelta(days=days)
        return Made(names[0], kind, place, ends)

    def _write(
        self, kind: str, subject: str, names: Sequence[str], place: Path, stem: str, days: int
    ) -> None:
        """Have two files written, and put them in their places when both are there.

        Should it end between the two, they do not fit; it is done again then.
        """
        signed = () if kind == "ca" else ("-CA", str(self.certificate), "-CAkey", str(self.key))
        with tempfile.TemporaryDirectory(prefix=".new-", dir=place) as new:
            settings = Path(new) / "openssl.cnf"
            settings.write_text(SETTINGS.format(names=_alternatives(names)))
            files = {ending: Path(new) / f"{stem}.{ending}" for ending in ("key", "pem")}
            _openssl(
                *("req", "-x509", "-config", str(settings), "-extensions", kind),
                *("-newkey", "ed25519", "-days", str(days), "-subj", f"/CN={subject[:64]}"),
                *("-keyout", str(files["key"]), "-out", str(files["pem"]), *signed),
            )
            for made in files.values():
                os.replace(made, place / made.name)


def _alternatives(names: Sequence[str]) -> str:
    """Return the line with all names and addresses of a server; '' for none."""
    kinds = [f"{'IP' if _is_address(name) else 'DNS'}:{name}" for name in names]
    return f"subjectAltName = {', '.join(kinds)}" if kinds else ""


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _folder(path: Path) -> None:
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"the folder {path} cannot be made: {error.strerror}") from error


def _openssl(*arguments: str) -> None:
    program = shutil.which("openssl")
    if program is None:
        raise ConfigurationError("the program openssl is not installed: version 3.0 or later")
    done = subprocess.run(
        [program, *arguments],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        umask=0o077,
        check=False,
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.split())
        raise ConfigurationError(f"openssl (3.0 or later is needed) has failed: {said[-300:]}")
