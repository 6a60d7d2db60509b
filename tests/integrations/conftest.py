"""Runs the folder whose application is installed here, and skips the others with the reason."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.audits import audited
from tests.support.instance import short_folder

#: The Makefile says in it which folder an environment is for: a module of another one could not
#: even be imported.
VARIABLE = "ZCASYNC_INTEGRATIONS"
REASON = "needs {}: make integrations runs this, in an environment that has that"
#: What a folder needs that is not called as it is.
NEEDED = {"hosts": "root, who may make hosts"}


class Elsewhere(pytest.Module):
    """A module of tests for another environment."""

    def collect(self) -> Any:
        """Import nothing."""
        name = self.path.parent.name
        needed = NEEDED.get(name, f"a real {name}")
        pytest.skip(REASON.format(needed), allow_module_level=True)


def pytest_pycollect_makemodule(
    module_path: Path, parent: pytest.Collector
) -> pytest.Collector | None:
    """Leave a module alone that is for another environment than this one."""
    if os.environ.get(VARIABLE) == module_path.parent.name:
        return None
    return Elsewhere.from_parent(parent, path=module_path)  # type: ignore[no-any-return]


@pytest.fixture(scope="package")
def place() -> Iterator[Path]:
    """The folder of the database server and of the home of a site; audited in the end."""
    with short_folder() as folder, audited(folder):
        yield folder
