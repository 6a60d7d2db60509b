"""A home that its owner has prepared: who reads it runs his code, which leaves a file."""

from __future__ import annotations

import os
import pickle
from pathlib import Path
from typing import Any

import transaction
from ZODB import DB
from ZODB.FileStorage import FileStorage

from tests.support.other_users import give

#: The ways in.
CONFIGURATION, INDEX = "etc/zcasync.conf", "var/Data.fs.index"


class Touch:
    """Leaves a file when it is loaded."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __reduce__(self) -> tuple[Any, ...]:
        return os.open, (str(self._path), os.O_WRONLY | os.O_CREAT, 0o666)


def prepared(folder: Path, way: str, owner: int) -> tuple[Path, Path]:
    """A home in ``folder`` that belongs to ``owner``, and the file that its code would leave.

    The module that the configuration imports is in ``folder``.
    """
    home, marks = folder / "home", folder / "marks"
    for made in (home, home / "etc", home / "log", home / "var", marks):
        made.mkdir()
    marks.chmod(0o777)  # whoever runs the code can leave the file
    left = marks / "was-here"
    db = DB(FileStorage(str(home / "var" / "Data.fs")))
    with db.transaction():
        transaction.get().note("the first one")
    db.close()
    if way == CONFIGURATION:
        package = folder / "evil_component"
        package.mkdir()
        code = f"import os\nos.close(os.open({str(left)!r}, os.O_WRONLY | os.O_CREAT, 0o666))\n"
        (package / "__init__.py").write_text(code)
        (package / "component.xml").write_text("<component></component>")
        (home / way).write_text("%import evil_component\n")
    else:
        (home / way).write_bytes(pickle.dumps(Touch(left), 2))
    give(home, owner)
    return home, left
