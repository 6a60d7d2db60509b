"""The persistent index: the files that mention a token, and the number of lines.

Each job writes a batch of its own, so no two jobs ever write the same record; a lookup goes through
the batches.  A batch keeps its postings in shards by token, of which a lookup loads one.
"""

from __future__ import annotations

import zlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from persistent import Persistent

from zcasync.demo.counting import Totals, count_file
from zcasync.demo.source import Portion
from zcasync.unpublished import Unpublished

#: The key of the index in the root of the database.
ROOT_KEY = "zcasync.demo"
SHARDS = 16


@dataclass(frozen=True)
class Mention:
    """A file that mentions the token that was looked up, on this many lines."""

    name: str
    lines: int


class Shard(Unpublished, Persistent):  # type: ignore[misc]
    """Some tokens of a batch: token -> (number of a file, lines, number of a file, lines ...)."""

    def __init__(self, postings: dict[str, tuple[int, ...]]) -> None:
        self.postings = postings


class FileBatch(Unpublished, Persistent):  # type: ignore[misc]
    """The part of the index that one job makes."""

    def __init__(self, root: Path, portion: Portion) -> None:
        self.root = str(root)
        self.label = portion.label
        self.names = tuple(file.name for file in portion.files)
        self.counted: tuple[tuple[str, int, int], ...] = ()  # name, lines, tokens
        self.skipped: tuple[str, ...] = ()
        self.shards: tuple[Shard, ...] = ()

    def fill(self) -> dict[str, int]:
        """Index the batch's files; return the numbers of files and lines.  This is the job.

        It adds to what is there, so that work which was stored twice would be counted twice.
        """
        postings: list[defaultdict[str, list[int]]] = [defaultdict(list) for _ in range(SHARDS)]
        rows, skipped = list(self.counted), list(self.skipped)
        for name in self.names:
            found = count_file(Path(self.root, name))
            if found is None:
                skipped.append(name)
                continue
            for token, lines in found.mentions.items():
                postings[shard_of(token)][token] += (len(rows), lines)
            rows.append((name, found.lines, found.tokens))
        self.counted, self.skipped = tuple(rows), tuple(skipped)
        self.shards += tuple(
            Shard({token: tuple(places) for token, places in one.items()}) for one in postings
        )
        return {"files": len(rows), "lines": self.totals().lines}

    def totals(self) -> Totals:
        """Return the totals of what is stored here."""
        return Totals(
            len(self.counted),
            sum(lines for _, lines, _ in self.counted),
            sum(tokens for _, _, tokens in self.counted),
            len(self.skipped),
        )

    def lookup(self, token: str) -> list[Mention]:
        """Return the files of this batch that mention the token."""
        mentions = []
        for shard in self.shards[shard_of(token) :: SHARDS]:
            places = shard.postings.get(token, ())
            for number, lines in zip(places[::2], places[1::2], strict=True):
                mentions.append(Mention(self.counted[number][0], lines))
        return mentions


class Index(Unpublished, Persistent):  # type: ignore[misc]
    """All batches; written once, before the jobs begin."""

    def __init__(self, root: Path, portions: Iterable[Portion]) -> None:
        self.batches = tuple(FileBatch(root, portion) for portion in portions)

    def lookup(self, token: str) -> list[Mention]:
        """Return the files that mention the token, those with the most lines first."""
        mentions = [mention for batch in self.batches for mention in batch.lookup(token)]
        return sorted(mentions, key=lambda mention: (-mention.lines, mention.name))

    def totals(self) -> Totals:
        """Return the totals of all batches."""
        return sum((batch.totals() for batch in self.batches), Totals())


def shard_of(token: str) -> int:
    """Return the number of the shard for a token: the same in every process."""
    return zlib.crc32(token.encode()) % SHARDS
