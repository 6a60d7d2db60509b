"""A gallery of photos: a Pyramid application for tests, as its authors would write one."""

from __future__ import annotations

import logging
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import transaction
from BTrees.OOBTree import OOBTree, OOTreeSet
from persistent import Persistent
from pyramid.authentication import AuthTktCookieHelper
from pyramid.authorization import ACLHelper, Allow, Authenticated, Everyone
from pyramid.config import Configurator
from pyramid.request import Request
from pyramid.response import Response
from pyramid.scripting import prepare
from pyramid.security import remember
from pyramid.threadlocal import get_current_request
from pyramid_zodbconn import get_connection
from ZODB.blob import Blob

from zcasync.interfaces import IDataManager

OPTIONS = ("run_as", "queue", "detached")
USERS = {"ann": "Ann Archer", "bob": "Bob Baker"}


class Gallery(Persistent):
    """The root of traversal: photos by name, and the index of the words in their titles."""

    __name__, __parent__ = "", None
    __acl__ = [(Allow, Authenticated, "add")]

    def __init__(self) -> None:
        self.photos, self.words = OOBTree(), OOBTree()

    def add(self, name: str, photo: Photo) -> None:
        self.photos[name] = photo
        for word in photo.title.lower().split():
            self.words.setdefault(word, OOTreeSet()).insert(name)

    def search(self, word: str) -> list[Photo]:
        return [self.photos[name] for name in self.words.get(word.lower(), ())]


class Photo(Persistent):
    """A title, who has made it, where, and the image."""

    def __init__(self, title: str, request: Any) -> None:
        self.title = title
        self.author = request.authenticated_userid
        self.identity = request.identity
        self.may_add = bool(request.has_permission("add", request.root))
        self.url = request.resource_url(request.root)
        self.language = request.locale_name
        self.likes = 0
        self.image = Blob()


class Policy:
    """Users log in with a cookie; one who is not among the users has no identity."""

    def __init__(self) -> None:
        self.cookie = AuthTktCookieHelper("a secret of tests")

    def identity(self, request: Any) -> Any:
        found = self.cookie.identify(request)
        return None if found is None else USERS.get(found["userid"])

    def authenticated_userid(self, request: Any) -> Any:
        found = self.cookie.identify(request)
        return None if self.identity(request) is None else found["userid"]

    def permits(self, request: Any, context: Any, permission: str) -> Any:
        known = [] if self.identity(request) is None else [Authenticated]
        return ACLHelper().permits(context, [Everyone, *known], permission)

    def remember(self, request: Any, userid: str, **kw: Any) -> Any:
        return self.cookie.remember(request, userid, **kw)

    def forget(self, request: Any, **kw: Any) -> Any:
        return self.cookie.forget(request, **kw)


def root_factory(request: Any) -> Gallery:
    """Return the gallery, made where there is none."""
    root = get_connection(request).root()
    if "gallery" not in root:
        root["gallery"] = Gallery()
    return root["gallery"]


# jobs


def make_photo(name: str, title: str, image: bytes) -> str:
    """Make a photo, as a view would."""
    request = get_current_request()
    photo = Photo(title, request)
    with photo.image.open("w") as file:
        file.write(image)
    request.context.add(name, photo)
    return name


def like(photo: Photo, folder: str) -> None:
    """Count, slowly: the first attempt meets another one's commit."""
    with open(Path(folder) / "attempts", "a") as attempts:
        attempts.write(f"{os.getpid()}\n")
    likes = photo.likes
    if len((Path(folder) / "attempts").read_text().split()) == 1:
        (Path(folder) / "begun").touch()
        wait_for(Path(folder) / "edited")
    photo.likes = likes + 1


def die_once(folder: str, name: str) -> str:
    """Kill this process in the middle of it, at the first attempt."""
    photo = Photo("unlucky", get_current_request())
    get_current_request().root.add(name, photo)
    flag = Path(folder) / "died"
    if not flag.exists():
        flag.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return name


def look_and_like(name: str) -> int:
    """Look at the gallery with another request, which ends, and change a photo."""
    request = get_current_request()
    with prepare(Request.blank("/"), request.registry) as other:
        assert other["root"]._p_jar is not request.root._p_jar
        found = len(other["root"].search("rain"))
    request.root.photos[name].likes += 100
    return found


def wait_for(path: Path) -> None:
    """Wait until a file is there, which the test writes."""
    for _ in range(3000):
        if path.exists():
            return
        time.sleep(0.01)
    raise TimeoutError(path)


def refuse(why: str) -> None:
    """A job that fails."""
    raise ValueError(why)


def surroundings() -> dict[str, Any]:
    """Return what a job finds around it."""
    request = get_current_request()
    connection = get_connection(request)
    found = {
        "user": request.authenticated_userid,
        "identity": request.identity,
        "remote_user": request.environ.get("REMOTE_USER"),
        "url": request.application_url,
        "language": request.locale_name,
        "root": type(request.root).__name__,
        "is_own_manager": request.tm is transaction.manager.manager
        or request.tm is transaction.manager,
        "is_own_connection": connection is request.root._p_jar,
        "others": sorted(connection.db().databases),
        "around": list(request.environ.get("around", ())),
        "script": request.registry.settings["script"],
    }
    request.add_finished_callback(note_end)
    return found


def note_end(request: Any) -> None:
    """Leave a file: the job's request is over."""
    Path(request.registry.settings["folder"], "finished").touch()


def stack_depth() -> tuple[int, Any]:
    """Return how many requests are current in this thread, and the user of the innermost."""
    from pyramid.threadlocal import manager

    request = get_current_request()
    return len(manager.stack), None if request is None else request.authenticated_userid


def raise_at_the_end() -> int:
    """Have a finished callback raise, and one more context left behind."""
    from pyramid.threadlocal import manager

    def fail(request: Any) -> None:
        raise OSError("no end")

    get_current_request().add_finished_callback(fail)
    manager.push({"request": None, "registry": None})
    return len(manager.stack)


def put_two(name: str) -> list[str]:
    """A job that puts others: by the request, and as the description has it."""
    request = get_current_request()
    first = request.put(surroundings)
    second = IDataManager(request.root).thread.put(surroundings)
    return [first.id, second.id]


def count_in_second(key: str) -> int:
    """Write into the second database of the application."""
    root = get_connection(get_current_request(), "sessions").root()
    root[key] = root.get(key, 0) + 1
    return root[key]


def say(text: str) -> None:
    """Log a line."""
    logging.getLogger(__name__).info(text)


# views


def login(request: Any) -> Response:
    response = Response("welcome")
    response.headerlist.extend(remember(request, request.params["user"]))
    return response


def post_photo(request: Any) -> dict[str, Any]:
    image = request.POST["image"].file.read()
    partial = request.put(make_photo, request.POST["name"], request.POST["title"], image)
    return {"job": partial.id}


def call(request: Any) -> dict[str, Any]:
    """Put a job of this module by its name; its arguments are texts."""
    function = globals()[request.POST["call"]]
    args = [request.root.photos[one[1:]] if one[0] == "@" else one for one in args_of(request)]
    options = {name: request.POST[name] for name in OPTIONS if name in request.POST}
    partial = request.put(function, *args, **options)
    if "raise" in request.POST:
        raise LookupError("after the put")
    if "conflict" in request.POST and request.environ.get("retry.attempt", 0) == 0:
        raise transaction.interfaces.TransientError("once more")
    return {"job": partial.id, "attempt": request.environ.get("retry.attempt", 0)}


def args_of(request: Any) -> list[str]:
    return [value for key, value in request.POST.items() if key == "arg"]


def search(request: Any) -> list[dict[str, Any]]:
    found = request.root.search(request.params["word"])
    names = ("title", "author", "identity", "may_add", "url", "language", "likes")
    return [{name: getattr(photo, name) for name in names} for photo in found]


def image(request: Any) -> Response:
    photo = request.root.photos[request.matchdict["name"]]
    with photo.image.open("r") as file:
        return Response(file.read(), content_type="image/png")


def edit(request: Any) -> dict[str, Any]:
    photo = request.root.photos[request.matchdict["name"]]
    photo.likes += int(request.POST["likes"])
    return {"likes": photo.likes}


@contextmanager
def around_jobs(request: Any, partial: Any) -> Iterator[None]:
    """What the application has around each job."""
    request.environ.setdefault("around", []).append(partial.callable_name)
    yield


def add_routes(config: Any) -> None:
    for path, view, method in (
        ("/login", login, "POST"),
        ("/call", call, "POST"),
        ("/photos", post_photo, "POST"),
        ("/photos", search, "GET"),
        ("/photos/{name}/image", image, "GET"),
        ("/photos/{name}/edit", edit, "POST"),
    ):
        config.add_route(view.__name__, path, request_method=method)
        renderer = None if view in (login, image) else "json"
        config.add_view(view, route_name=view.__name__, renderer=renderer)


def main(global_config: dict[str, str], **settings: str) -> Any:
    """Make the WSGI application."""
    settings["script"] = global_config.get("__script__", "")
    config = Configurator(settings=settings, root_factory=root_factory)
    if "fail" in settings:
        raise ValueError(settings["fail"])
    for name in ("pyramid_retry", "pyramid_tm", "pyramid_zodbconn", "zcasync.pyramid"):
        config.include(name)
    config.set_security_policy(Policy())
    config.add_job_context(around_jobs)
    add_routes(config)
    return config.make_wsgi_app()
