"""Jobs whose objects are in several databases."""

from __future__ import annotations

from typing import Any

from persistent import Persistent

from tests.jobs.basic import Counter
from tests.support.gates import Gate
from zcasync.zeo.client_options import options_of


class Site(Persistent):
    """An object of the main database, with one of another that is mounted in it."""

    def __init__(self, catalog: Counter) -> None:
        self.catalog = catalog
        self.visits = 0

    def visit(self) -> tuple[int, int]:
        """Change both."""
        self.visits += 1
        return self.visits, self.catalog.add(10)

    def new_catalog(self) -> Counter:
        """Mount another one, an object that the other database does not have yet."""
        self.catalog = Counter()
        connection = self._p_jar.get_connection("catalog")
        connection.add(self.catalog)
        return self.catalog

    def fail(self) -> None:
        """Change both for nothing."""
        self.visit()
        raise ValueError("after a visit")

    def visit_at_gate(self, gate: str) -> tuple[int, int]:
        """Change both, commit after the gate."""
        found = self.visit()
        Gate(gate).pass_through()
        return found


def add_to(counter: Counter, number: int) -> Counter:
    """Change what is an argument, and return it."""
    counter.add(number)
    return counter


def database_of(obj: Any) -> str:
    """The name of the database that an object comes from."""
    name: str = obj._p_jar.db().database_name
    return name


def options_of_all(obj: Any) -> dict[str, Any]:
    """The options of the clients of all databases, and how many objects these keep."""
    dbs = obj._p_jar.db().databases
    return {name: (options_of(db.storage), db.getCacheSize()) for name, db in dbs.items()}
