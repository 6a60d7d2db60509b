"""A start of Zope that has failed is not taken for one that was made."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ZOPE_CONF = """\
instancehome {home}
<zodb_db main>
  <mappingstorage>
  </mappingstorage>
  mount-point /
</zodb_db>
"""
#: What a second thread of the process may do to a registration: it fails, and would not again.
SITE_ZCML = """\
<configure xmlns="http://namespaces.zope.org/zope">
  <include package="zope.component" file="meta.zcml" />
  <subscriber for="*" handler="no.such.handler" />
</configure>
"""
TWICE = """
import sys
from pathlib import Path
from zcasync.zope import configuration
from zcasync.zope.boot import boot

home = Path(sys.argv[1])
databases = {}
for section in configuration.databases(home, "zope.conf"):
    section.open(databases)
for _ in range(2):
    try:
        boot(configuration.load(home, "zope.conf"), databases)
    except Exception as error:
        print(type(error).__name__, " ".join(str(error).split()))
    else:
        print("started")
"""


def test_a_process_says_so_when_its_start_of_zope_has_failed_before(tmp_path: Path) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "zope.conf").write_text(ZOPE_CONF.format(home=tmp_path))
    (tmp_path / "etc" / "site.zcml").write_text(SITE_ZCML)
    command = [sys.executable, "-c", TWICE, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    first, second = done.stdout.splitlines()[-2:]
    assert "no.such.handler" in first or "No module named 'no'" in first
    assert second.startswith("StartedBeforeError")
    assert "No module named 'no'" in second
