"""Nothing of Zope is loaded before ``zcasync.zope`` is used, and no variable is left by it."""

from __future__ import annotations

import os
import subprocess
import sys

from tests.zope.probes import needs_zope

PROBE = """
import os, sys
import zcasync, zcasync.zope, zcasync.subscribers, zcasync.application.setup
loaded = {name.partition(".")[0] for name in sys.modules}
assert not loaded & {"Zope2", "OFS", "AccessControl", "Acquisition", "ZPublisher"}, loaded
"""
USED = """
zcasync.zope.Application, zcasync.zope.put
assert "INSTANCE_HOME" not in os.environ, os.environ["INSTANCE_HOME"]
assert "twisted.internet.reactor" not in sys.modules
"""


def run(code: str) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "INSTANCE_HOME"}
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, env=environment)


def test_zope_is_not_loaded_before_it_is_used() -> None:
    run(PROBE)


@needs_zope
def test_what_is_loaded_then_leaves_the_home_alone() -> None:
    run(PROBE + USED)
