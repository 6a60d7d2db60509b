"""AccessControl without what it sets when it is imported: an environment for a Zope instance.

``INSTANCE_HOME`` would be the home of every command that is started afterwards.
"""

from __future__ import annotations

import os

_before = {*os.environ}

from AccessControl import SecurityManagement as SecurityManagement  # noqa: E402
from AccessControl import users as users  # noqa: E402

for _name in {*os.environ} - _before:
    del os.environ[_name]
