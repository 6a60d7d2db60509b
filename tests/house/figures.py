"""All figures of one checkout."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.house import docstrings, floors, functions, imports, private, source

SCREEN = 40
PARAMETERS = 8


@dataclass(frozen=True)
class Figures:
    """What is counted; lists hold places, so that ``--json`` says where."""

    root: str
    folders: dict[str, tuple[int, int]]
    imports_between_rooms: int
    arrows_between_rooms: int
    imports_back_up: list[str]
    circles_of_modules: list[list[str]]
    circles_of_rooms: list[list[str]]
    imports_inside_functions: list[str]
    private_of_other_folders: list[str]
    private_of_libraries: list[str]
    private_of_libraries_in_zeo: list[str]
    private_of_other_files: list[str]
    docstrings: int
    docstrings_that_ask: list[str]
    public_without_docstring: list[str]
    long_functions: list[str]
    longest_function: tuple[int, str, str]
    longest_file: tuple[int, str]
    many_parameters: list[str]


def count(root: Path) -> Figures:
    """Count one checkout.  FileNotFoundError: there is none."""
    modules = source.read(root)
    texts = docstrings.find_docstrings(modules)
    made = functions.find_functions(modules.values())
    return Figures(
        root=str(root),
        folders=_folders(modules),
        docstrings=len(texts),
        docstrings_that_ask=[one.where for one in texts if one.opens_with_a_question],
        public_without_docstring=docstrings.undocumented(modules),
        long_functions=[f"{one.where} {one.lines}" for one in made if one.lines > SCREEN],
        longest_function=max((one.lines, one.where, one.name) for one in made),
        longest_file=max((one.lines, str(one.path)) for one in modules.values()),
        many_parameters=[
            f"{one.where} {one.parameters}" for one in made if one.parameters > PARAMETERS
        ],
        **_imports(modules),
        **_private(modules),
    )


def _folders(modules: dict[str, source.Module]) -> dict[str, tuple[int, int]]:
    found: dict[str, tuple[int, int]] = {}
    for module in modules.values():
        folder = module.folder or source.PACKAGE
        files, lines = found.get(folder, (0, 0))
        found[folder] = files + 1, lines + module.lines
    return dict(sorted(found.items(), key=lambda item: (item[0] != source.PACKAGE, item[0])))


def _imports(modules: dict[str, source.Module]) -> dict[str, Any]:
    found = imports.find_imports(modules)
    arrows = imports.arrows(found, floors.rooms(modules))
    between: dict[str, set[str]] = {}
    for start, end in arrows:
        between.setdefault(start, set()).add(end)
    return {
        "imports_between_rooms": sum(len(places) for places in arrows.values()),
        "arrows_between_rooms": len(arrows),
        "imports_back_up": [
            place for ends in imports.back_up(arrows, floors.FLOOR) for place in arrows[ends]
        ],
        "circles_of_modules": imports.circles(imports.graph(found)),
        "circles_of_rooms": imports.circles(between),
        "imports_inside_functions": sorted(
            {f"{one.where} {one.target}" for one in imports.inside_functions(found)}
        ),
    }


def _private(modules: dict[str, source.Module]) -> dict[str, list[str]]:
    places: dict[str, list[str]] = {
        "private_of_other_folders": [],
        "private_of_libraries": [],
        "private_of_libraries_in_zeo": [],
        "private_of_other_files": [],
    }
    for use in private.foreign_uses(modules):
        if use.is_of_a_library:
            kind = "libraries_in_zeo" if use.module.folder in private.LOWEST else "libraries"
        else:
            kind = "other_files" if use.is_of_this_folder else "other_folders"
        places[f"private_of_{kind}"].append(f"{use.where} {use.name}")
    return places
