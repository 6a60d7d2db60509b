"""The user of a call: found again by what was remembered, and taken for nobody else."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from tests.support.access_control import users
from tests.zope.probes import needs_zope

pytestmark = needs_zope


@pytest.fixture
def app() -> Any:
    """An application object whose user folder has ids that are no names, as Plone's can have."""
    assert users is not None  # it comes first, and leaves no variables behind
    from OFS.Application import Application
    from OFS.Folder import Folder

    class Users(Folder):
        def getUserById(self, name: str) -> Any:
            return users.SimpleUser("bob", "", ["Member"], []) if name == "17" else None

        def getUser(self, name: str) -> Any:
            return self.getUserById("17") if name == "bob" else None

    made = Application()
    made.acl_users = Users("acl_users")
    return made


def user_of(app: Any, **context: str) -> Any:
    from zcasync.zope.users import user_for

    return user_for(app, app, SimpleNamespace(id="0x1", context=context))


def test_who_has_made_a_put_is_found_by_id(app: Any) -> None:
    found = user_of(app, user="17", user_folder="/acl_users")

    assert found.getUserName() == "bob"
    assert found.aq_parent.aq_base is app.acl_users.aq_base


@pytest.mark.parametrize("folder", [{"user_folder": "/acl_users"}, {}], ids=["there", "anywhere"])
def test_who_is_gone_is_not_taken_for_another_one_of_that_name(
    app: Any, folder: dict[str, str]
) -> None:
    from zcasync.zope.paths import GoneError

    with pytest.raises(GoneError, match="user 'bob' of job 0x1 is not in /acl_users any more"):
        user_of(app, user="bob", **folder)


@pytest.mark.parametrize("name", ["17", "bob"])
def test_run_as_names_one_by_id_or_by_name(app: Any, name: str) -> None:
    assert user_of(app, run_as=name).getUserName() == "bob"
