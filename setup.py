"""Packages and plugin; everything else is in pyproject.toml."""

from setuptools import find_packages, setup

setup(
    # "" as the only key makes an editable install a plain path, which twistd and mypy can see.
    package_dir={"": "."},
    packages=[*find_packages(include=["zcasync", "zcasync.*"]), "twisted.plugins"],
    package_data={
        "zcasync": ["py.typed", "*.zcml"],
        "zcasync.cli": ["*.json"],
        "zcasync.instance": ["*.xml"],
        "zcasync.panel": ["*.css"],
        "zcasync.zeo": ["*.xml"],
        "zcasync.zope": ["*.zcml"],
    },
)
