"""Versions of packages that are only pretended to be installed."""

from __future__ import annotations

from pathlib import Path


def pretend(folder: Path, **versions: str) -> Path:
    """Let processes with this folder on their ``PYTHONPATH`` see these versions of packages."""
    for name, version in versions.items():
        made = folder / f"{name}-{version}.dist-info"
        made.mkdir(parents=True)
        (made / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    return folder
