"""The patterns of the description, as an application in Zope has them, and a view that puts them.

Nothing here knows of workers, children or an application's set-up.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from App.config import getConfiguration
from OFS.SimpleItem import SimpleItem
from Products.Five.browser import BrowserView
from zope.component.hooks import getSite

from tests.integrations.zope.shop import around
from zcasync import Partial, twist
from zcasync.interfaces import IDataManager
from zcasync.testing.waiting import wait_until

#: The annotation of a job that is half done.
HALF_DONE = "shop.half_done"


class Demo(SimpleItem):
    """A stored object that counts."""

    counter = 0

    def __init__(self, id: str) -> None:  # noqa: A002, Zope's word
        self.id = id

    def increase(self, value: int = 1) -> int:
        """A job."""
        self.counter += value
        return self.counter


def multiply(*args: int) -> int:
    """A job."""
    result = 1
    for one in args:
        result *= one
    return result


def multiply_by_a_worker(partial: Any, result: int) -> Any:
    """A callback that puts a job, and has its result."""
    another = Partial(multiply, 2, result)
    IDataManager(partial).thread.put(another)
    return another


def look_around_in_the_reactor(partial: Any, result: int) -> Any:
    """A callback that puts a job for the reactor, and has its result."""
    another = Partial(around)
    IDataManager(partial).reactor.put(another)
    return another


def where_there_is_flour(partial: Any, inner: Any) -> Any:
    """A job around another one: makes its call where the site has flour, else tries it later."""
    if getSite().has_flour:
        return inner.callable(*inner.args)
    again = Partial.bind(where_there_is_flour, inner)
    IDataManager(partial).thread.put(again, datetime.now(UTC) + timedelta(seconds=0.2))
    return again


def set_annotation(partial: Any, key: str, value: object) -> None:
    """A call for the reactor: leave a note on a job."""
    partial.annotations[key] = value


def report(partial: Any) -> int:
    """A job that tells that it is half done, and waits for a file."""
    from twisted.internet import reactor

    call: Any = reactor
    call.callFromThread(twist.Partial(set_annotation, partial, HALF_DONE, True))
    wait_until(file_to_go_on(getConfiguration().instancehome).exists, "the file")
    return 42


def file_to_go_on(home: str | Path) -> Path:
    """Return the path of the file that ``report`` waits for."""
    return Path(home) / "go-on"


class Story(BrowserView):
    """Puts one of the patterns, in the words of the description; answers with the id of the job."""

    def __call__(self) -> str:
        """Answer with the id of the job."""
        job: Any = getattr(self, self.request.form["pattern"])(IDataManager(self.context))
        return str(job.id)

    def of_an_object(self, manager: Any) -> Any:
        """Methods of an object that is as new as the puts."""
        self.context._setObject("demo", Demo("demo"))
        demo = self.context.demo
        manager.reactor.put(demo.increase)
        manager.thread.put(Partial(demo.increase, 5))
        return manager.reactor.put(Partial(demo.increase, value=10))

    def of_later(self, manager: Any) -> Any:
        """A call that waits for its time."""
        return manager.reactor.put(around, datetime.now(UTC) + timedelta(seconds=1))

    def of_a_callback(self, manager: Any) -> Any:
        """Callbacks that want to be performed by a worker, by either kind."""
        job = manager.thread.put(Partial(multiply, 3, 4))
        job.addCallbacks(Partial.bind(multiply_by_a_worker))
        job.addCallbacks(Partial.bind(look_around_in_the_reactor))
        return job

    def of_an_environment(self, manager: Any) -> Any:
        """A partial in a partial, which needs an environment that is not there yet."""
        self.context.has_flour = False
        inner = Partial(self.context.one.ship, "baked")
        return manager.thread.put(Partial.bind(where_there_is_flour, inner))

    def flour(self, manager: Any) -> Any:
        """The environment."""
        self.context.has_flour = True
        return manager.thread.put(Partial(multiply, 1))

    def of_a_report(self, manager: Any) -> Any:
        """A job that tells of itself while it runs."""
        return manager.thread.put(Partial.bind(report))
