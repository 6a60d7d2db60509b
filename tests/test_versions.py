"""Which versions of ZODB and ZEO are supported, and what is said of others."""

from __future__ import annotations

import tomllib
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from tests.support.instance import ROOT
from tests.support.pretended_versions import pretend
from zcasync.errors import ConfigurationError
from zcasync.twisted_engine.engine import engine_keeper
from zcasync.versions import SUPPORTED, require_supported, requirement, why_unsupported

SOUND = {"ZODB": "6.4", "ZEO": "6.2"}


def see(monkeypatch: pytest.MonkeyPatch, folder: Path, **versions: str) -> None:
    """Let this process see these versions."""
    monkeypatch.syspath_prepend(pretend(folder, **{**SOUND, **versions}))


def test_what_is_installed_is_supported() -> None:
    require_supported()


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("ZODB", "5.8"),
        ("ZODB", "5.8.1"),
        ("ZODB", "6.0"),
        ("ZODB", "6.4.7"),
        ("ZEO", "5.4.0"),
        ("ZEO", "6.2.dev0"),
    ],
)
def test_these_versions_are_supported(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, version: str
) -> None:
    see(monkeypatch, tmp_path, **{name: version})
    assert why_unsupported() is None


@pytest.mark.parametrize(
    ("name", "version", "range_"),
    [
        ("ZODB", "5.7.0", ">=5.8,<6.5"),
        ("ZODB", "6.5", ">=5.8,<6.5"),
        ("ZODB", "7", ">=5.8,<6.5"),
        ("ZEO", "5.3.0", ">=5.4,<6.3"),
        ("ZEO", "6.3.dev0", ">=5.4,<6.3"),
    ],
)
def test_others_are_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str, version: str, range_: str
) -> None:
    see(monkeypatch, tmp_path, **{name: version})
    with pytest.raises(ConfigurationError) as caught:
        require_supported()
    assert str(caught.value) == (
        f"{name} {version} is installed, and zcasync works with ZODB 5.8 to 6.4 and "
        f"ZEO 5.4 to 6.2 only: pip install '{name}{range_}'"
    )


def test_one_sentence_is_about_both(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    see(monkeypatch, tmp_path, ZODB="7.0", ZEO="7.1")
    assert why_unsupported() == (
        "ZODB 7.0 and ZEO 7.1 are installed, and zcasync works with ZODB 5.8 to 6.4 and "
        "ZEO 5.4 to 6.2 only: pip install 'ZODB>=5.8,<6.5' 'ZEO>=5.4,<6.3'"
    )


def test_an_engine_in_an_application_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    see(monkeypatch, tmp_path, ZODB="7.0")
    with pytest.raises(ConfigurationError, match=r"^ZODB 7.0 is installed"):
        engine_keeper(None, None, None)


def test_what_was_installed_without_saying_its_version_is_not_refused(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def version(name: str) -> str:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "version", version)
    assert why_unsupported() is None


@pytest.mark.parametrize("name", SUPPORTED)
def test_installers_are_told_the_same(name: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = {one.name: one.specifier for one in map(Requirement, project["dependencies"])}
    assert needed[name] == SpecifierSet(requirement(name))
