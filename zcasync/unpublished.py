"""The refusal of stored objects to be published by Zope, or to be reached by its restricted code.

Zope's publisher follows a path along attributes and items, from the application to whatever anybody
has stored below it, and calls what it finds in the end.  Who may see that, it asks the classes; one
that says nothing is as public as its place.  Here are the answers.  They need no Zope, and as they
belong to classes, no record has them.

Two things are beyond them.  Zope's emergency user passes every check of roles in restricted code,
and a script that holds a job, from a list of the application's, can call it: no guard is asked.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self

#: A path goes on with the name of a view.
VIEW = "@@"


class Unpublished:
    """The base of every class whose objects are stored, or are reached from one that is.

    Code that is trusted, in the modules and views of an application, is not concerned.
    """

    __slots__ = ()

    #: No role is enough, not even the manager's; nor is it for what is found below an object.
    __roles__: ClassVar[tuple[str, ...]] = ()
    #: What has no roles of its own is not public either: texts, numbers, trees, methods.
    __allow_access_to_unprotected_subobjects__: ClassVar[int] = 0

    def __before_publishing_traverse__(self, found: Any, request: Any) -> None:
        """Answer a request that there is nothing, unless it asks for a view of the application.

        The publisher calls this at each step.  Roles it asks for in the last one only, and a path
        through a job to a document among its arguments has avoided the document's folder.
        """
        path = request["TraversalRequestNameStack"]
        if not (path and path[-1].startswith(VIEW)):
            request.response.notFoundError(request["URL"])

    def __render_with_namespace__(self, namespace: Any) -> Self:
        """Return the object itself to a template, which calls what it shows where it can."""
        return self
