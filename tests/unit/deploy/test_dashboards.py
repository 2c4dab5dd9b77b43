"""The dashboards' files are what their declarations say."""

from __future__ import annotations

import json
import re

import pytest

from deploy.grafana import generate
from deploy.grafana.panels import Dashboard

BY_NAME = pytest.mark.parametrize("dashboard", generate.DASHBOARDS, ids=lambda dashboard: dashboard.name)


def test_the_files_are_fresh() -> None:
    """`python -m deploy.grafana.generate` would change nothing."""
    assert generate.stale() == []


def test_no_other_dashboard_lies_beside_them() -> None:
    """A dashboard that no one declares is a dashboard that no one tests."""
    assert {path.name for path in generate.FOLDER.iterdir()} == {path.name for path in generate.generated()}


@BY_NAME
def test_panels_stand_side_by_side_without_overlap(dashboard: Dashboard) -> None:
    """No two panels share a cell of the grid, and none leaves it."""
    taken: set[tuple[int, int]] = set()
    panels = generate.dashboard_json(dashboard)["panels"]
    assert isinstance(panels, list)
    for panel in panels:
        location = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(location["x"], location["x"] + location["w"])
            for y in range(location["y"], location["y"] + location["h"])
        }
        assert max(x for x, _ in cells) < generate.COLUMNS
        assert not cells & taken, panel["title"]
        taken |= cells


@BY_NAME
def test_every_panel_says_what_it_shows_and_titles_are_unique(dashboard: Dashboard) -> None:
    """Someone who sees the panel for the first time learns how to read it."""
    panels = [panel for row in dashboard.rows for panel in row.panels]
    assert len({panel.title for panel in panels}) == len(panels)
    assert all(panel.description.endswith(".") and panel.queries for panel in panels)


@BY_NAME
def test_only_declared_variables_are_used(dashboard: Dashboard) -> None:
    """A query with an unknown variable would be sent to Prometheus as it is."""
    declared = {"datasource", "__rate_interval", "__range", *(name for name, _ in dashboard.variables)}
    text = json.dumps(generate.dashboard_json(dashboard))
    assert set(re.findall(r"\$\{?(\w+)", text)) - {"__all"} <= declared
