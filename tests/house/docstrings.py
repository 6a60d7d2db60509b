"""The first words of docstrings, and the public names that have none.

Public is what no part of its name hides: modules, their classes and functions, and the methods of
these classes.  These need no docstring of their own: a method that an interface or a base class
documents, or a library's class has; the setter of a property; the responder of an AMP command.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.house.bases import Classes
from tests.house.source import SCOPES, Module, Node

QUESTION_WORDS = frozenset({"What", "Who", "Where", "Whether", "How", "Which", "When"})
#: Decorators of methods that are documented where the property or the command is.
EXCUSED = ("setter", "responder")


@dataclass(frozen=True)
class Docstring:
    """A docstring and where it stands."""

    where: str
    text: str

    @property
    def opens_with_a_question(self) -> bool:
        words = self.text.split(maxsplit=1)
        return bool(words) and words[0].rstrip(",.:;") in QUESTION_WORDS


def find_docstrings(modules: Mapping[str, Module]) -> list[Docstring]:
    """Every docstring of the modules, private ones too."""
    found = []
    for module in modules.values():
        for one in module.of_kind(ast.Module, *SCOPES):
            assert isinstance(one.node, (ast.Module, *SCOPES))
            text = ast.get_docstring(one.node)
            if text is not None:
                found.append(Docstring(module.at(one.node), text))
    return found


def undocumented(modules: Mapping[str, Module]) -> list[str]:
    """The public names without a docstring, with their places."""
    classes = Classes(modules)
    return [
        f"{module.at(one.node)} {getattr(one.node, 'name', module.name)}"
        for module in modules.values()
        for one in _public(module)
        if ast.get_docstring(one.node) is None  # type: ignore[arg-type]
        and not _is_documented_above(classes, module, one)
    ]


def _public(module: Module) -> Iterator[Node]:
    for one in module.of_kind(ast.Module, *SCOPES):
        names = [getattr(scope, "name", "") for scope in (*one.outer, one.node)]
        is_hidden = any(name.startswith("_") for name in names)
        is_in_a_class = all(isinstance(scope, ast.ClassDef) for scope in one.outer)
        if is_in_a_class and not is_hidden and not _is_excused(one.node):
            yield one


def _is_excused(node: ast.AST) -> bool:
    decorators = getattr(node, "decorator_list", [])
    return any(isinstance(one, ast.Attribute) and one.attr in EXCUSED for one in decorators)


def _is_documented_above(classes: Classes, module: Module, one: Node) -> bool:
    if not one.outer or isinstance(one.node, ast.ClassDef):
        return False
    kind = one.outer[-1]
    assert isinstance(kind, ast.ClassDef)
    return classes.is_documented(module, kind, one.node.name)  # type: ignore[attr-defined]
