"""The benchmark runs, finds something in every measure, and its figures reach the documents."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from bench import document, sizing
from bench.measures import NAMES
from bench.rows import Need, Row, middle, per_second, percentile
from tests.support.instance import ROOT

RUN_SECONDS = 600


@pytest.fixture(scope="module")
def figures(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a quick run of everything writes."""
    path = tmp_path_factory.mktemp("bench") / "bench.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--json", os.fspath(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    found: dict[str, Any] = json.loads(path.read_text())
    for rows in found["measures"].values():
        for row in rows:
            assert row["name"] in done.stdout
    return found


def test_every_measure_finds_something(figures: dict[str, Any]) -> None:
    assert list(figures["measures"]) == NAMES
    rows = document.rows_of(figures)
    assert len({row["name"] for row in rows}) == len(rows) >= 35
    rates = {row["name"]: row["value"] for row in rows if row["unit"] == "/s"}
    assert all(rate > 0 for rate in rates.values()), rates
    must = [row["name"] for row in rows if row["need"]]
    assert len(must) >= 14


def test_figures_that_no_load_can_change_hold(figures: dict[str, Any]) -> None:
    found = {row["name"]: row for row in document.rows_of(figures)}
    assert found["conflicts a put"]["value"] == 0
    assert found["growth of an idle day by pings"]["verdict"] == "yes"
    assert 0 < found["bytes a job"]["value"] < found["bytes a job with a callback"]["value"] < 6100


def test_figures_replace_those_of_the_document(figures: dict[str, Any]) -> None:
    page = (ROOT / "docs" / "performance.rst").read_text()
    changed = document.insert(page, document.table(figures))

    assert changed.startswith(page[: page.index(document.BEGIN)])
    assert changed.endswith(page[page.index(document.END) :])
    assert document.insert(changed, document.table(figures)) == changed
    for row in document.rows_of(figures):
        assert row["name"] in changed


def test_what_grows_with_the_whole_is_a_table_with_a_column_for_each_size(tmp_path: Path) -> None:
    path = tmp_path / "million.json"
    done = subprocess.run(
        [sys.executable, "-m", "bench", "--quick", "--only", "million", "--json", os.fspath(path)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
    )
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    rows = json.loads(path.read_text())["measures"]["million"]
    sizes, found = sizing.by_figure(rows)
    assert sizes == [(200, 8), (200, 20)]
    assert found["a later pass: loads"][200, 20]["value"] == 0
    table = sizing.table(rows)
    assert "     - 200 jobs, 20 clients" in table
    page = (ROOT / "docs" / "sizing.rst").read_text()
    assert table in document.insert(page, table)


def test_a_document_without_marks_is_refused() -> None:
    with pytest.raises(ValueError, match="the figures begin"):
        document.insert("text", "figures")


def test_plots_show_the_ratios(figures: dict[str, Any], tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    for plot, axis in (
        (document.plot_ratios, b"times the rate of raw commits"),
        (document.plot_depth, b"times that of a queue"),
    ):
        path = tmp_path / f"{plot.__name__}.svg"
        plot(figures, path)
        first = path.read_bytes()
        assert axis in first
        plot(figures, path)
        assert path.read_bytes() == first


@pytest.mark.parametrize(
    ("row", "verdict"),
    [
        (Row("a", 3, "/s"), ""),
        (Row("a", 3, "/s", None, Need(2)), "yes"),
        (Row("a", 3, "/s", 0.5, Need(2)), "NO"),  # it is about the ratio
        (Row("a", 3, "/s", None, Need(2, at_most=True)), "NO"),
        (Row("a", 1, "/s", None, Need(2, is_aim=True)), "missed"),
        (Row("a", 1, "/s", None, Need(2), "too few"), "?"),
    ],
)
def test_a_row_has_a_verdict(row: Row, verdict: str) -> None:
    assert row.verdict == row.as_dict()["verdict"] == verdict


def test_the_middle_percentiles_and_rates_are_computed() -> None:
    assert middle([9, 1, 2]) == 2
    assert percentile(range(100), 95) == 95
    assert percentile([7], 99) == 7
    assert per_second([0, 500_000, None, 1_000_000]) == 2
    assert per_second([]) == per_second([None, 5]) == 0
    assert per_second([0, 10, 20, 500_020, 1_000_020], skip=0.4) == 2
