"""The patterns of docs/story.rst on RelStorage: the same tests, with a worker of this folder's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.integrations.relstorage.homes import audit_database, home_config
from tests.processes.test_story_patterns import *  # noqa: F403  its tests, and their fixtures
from tests.processes.test_story_patterns import at_work
from tests.support.instance import Instance
from tests.support.postgres import Postgres


@pytest.fixture(scope="module")
def instance(place: Path, shop: Any, postgres: Postgres) -> Iterator[Instance]:
    """A worker with one child, as the story has it."""
    name = postgres.make_database()
    with at_work(place, shop, "home", home_config(postgres.dsn(name))) as made:
        yield made
    audit_database(postgres.dsn(name), keep_history=True)
