"""``python -m tests.integrations.zope.server ZOPE_CONF PORT``: Zope behind waitress, on loopback.

``fill`` in place of the port makes the shop and ends.
"""

from __future__ import annotations

import sys

import transaction
import waitress
import Zope2
from Zope2.Startup.run import make_wsgi_app

from tests.integrations.zope.shop import fill


def main(zope_conf: str, port: str) -> None:
    """Serve a Zope, or fill it."""
    application = make_wsgi_app({}, zope_conf)
    if port == "fill":
        app = Zope2.app()
        fill(app)
        transaction.commit()
        app._p_jar.close()
        Zope2.DB.close()
    else:
        waitress.serve(application, listen=f"127.0.0.1:{port}", threads=2)


if __name__ == "__main__":
    main(*sys.argv[1:])
