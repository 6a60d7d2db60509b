"""Reasons why client and server do not come together where one of them wants certificates.

TLS tells each side a little, and ZEO neither: a client tries again for ever, and the server's log
is silent.
"""

from __future__ import annotations

import logging
import socket
import ssl
import time
from typing import Any

log = logging.getLogger(__name__)

NOT_TAKEN = (
    "the server hangs up when it has seen this client's certificate: it has to be one of the "
    "authority that the server's authenticate names"
)
#: A server of ours speaks first, and at once.
SECONDS = 1.0
#: The same reason is logged again after this time at the earliest.
QUIET_SECONDS = 60.0


def why_refused(storage: Any) -> str | None:
    """Return why the servers of a ZEO client that listen at ports do not let it in.

    None where none listens, or nothing is wrong.  Takes up to a second for each address.
    """
    client = getattr(getattr(storage, "_server", None), "client", None)
    if client is None:
        return None
    context, name = client.ssl, client.ssl_server_hostname
    for address in storage._addr:
        if isinstance(address, tuple):
            why = _why(address, context, name)
            if why is not None:
                return f"at port {address[1]} of {address[0] or '127.0.0.1'} {why}"
    return None


def _why(address: tuple[str, int], context: Any, name: str | None) -> str | None:
    host = address[0] or "127.0.0.1"
    try:
        plain = socket.create_connection((host, address[1]), SECONDS)
    except OSError:
        return None
    with plain:
        try:
            if context is None:
                return None if plain.recv(1) else "somebody listens, and hangs up"
            with context.wrap_socket(plain, server_hostname=name or host) as client:
                return None if client.recv(1) else NOT_TAKEN
        except ssl.SSLCertVerificationError as error:
            return f"is a server whose certificate is not trusted here: {error.verify_message}"
        except ssl.SSLError as error:
            return _explained(error)
        except TimeoutError:
            return (
                "somebody listens, and says nothing: the server hangs, or it asks for certificates "
                "and this client has no <ssl>"
                if context is None
                else "somebody listens, and does not answer to TLS: is it a server with <ssl>?"
            )
        except OSError as error:
            return f"the connection breaks: {error}"


def _explained(error: ssl.SSLError) -> str:
    if error.reason == "WRONG_VERSION_NUMBER":
        return "is a server without TLS, and this client has <ssl>"
    return f"{NOT_TAKEN} ({error.reason or error})"


def tell_refusals(context: ssl.SSLContext) -> None:
    """Let a server say in its log why it does not let clients in, the same reason now and then."""
    said: dict[str, float] = {}

    class TellingObject(ssl.SSLObject):
        def do_handshake(self) -> None:
            try:
                super().do_handshake()
            except (ssl.SSLWantReadError, ssl.SSLWantWriteError):
                raise
            except ssl.SSLError as error:
                reason = str(error.reason or error)
                now = time.monotonic()
                if now - said.get(reason, -QUIET_SECONDS) >= QUIET_SECONDS:
                    said[reason] = now
                    log.warning("a client is not let in: %s; %s", reason, _remedy(reason))
                raise

    context.sslobject_class = TellingObject


def _remedy(reason: str) -> str:
    if "ALERT" in reason:  # what the client has said
        return "its authenticate has to name the authority of this server's certificate"
    return "it needs an <ssl> with a certificate of the authority that authenticate names here"
