"""Answers of a real database server that are lost on their way, with the connection."""

from __future__ import annotations

from typing import Any

import pytest
from ZEO.Exceptions import ClientDisconnected

from zcasync.zeo.client import PipelinedClientStorage


class Answers:
    """The answers to the commits of this process; the next ``lost`` ones do not arrive.

    ``arrives``: the commit itself does.  ``commits``: how many the server has made.  ``spared``: a
    storage that is left alone and not counted.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, spared: Any = None) -> None:
        self.lost = 0
        self.arrives = True
        self.commits = 0
        self._spared = spared
        commit, note = PipelinedClientStorage._commit, PipelinedClientStorage._note

        async def lossy_commit(storage: Any, *args: Any) -> Any:
            if storage is not self._spared and self.lost and not self.arrives:
                self.lost -= 1
                raise ClientDisconnected("the message is lost")
            return await commit(storage, *args)

        def lossy_note(storage: Any, *args: Any) -> None:
            if storage is not self._spared:
                self.commits += 1
                if self.lost:
                    self.lost -= 1
                    raise ClientDisconnected("the answer is lost")  # closes the connection
            note(storage, *args)

        monkeypatch.setattr(PipelinedClientStorage, "_commit", lossy_commit)
        monkeypatch.setattr(PipelinedClientStorage, "_note", lossy_note)
