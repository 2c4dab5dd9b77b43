"""Writes the Grafana dashboards: `python -m deploy.grafana.generate`; `--check` only says which are stale.

Which panels there are stands in the modules beside this one; how one becomes Grafana's JSON is said here, once.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.grafana.delivery import DELIVERY
from deploy.grafana.overview import OVERVIEW
from deploy.grafana.panels import Dashboard, Look, Panel, Row
from deploy.grafana.rules import RULES

DASHBOARDS = (OVERVIEW, DELIVERY, RULES)
FOLDER = Path(__file__).resolve().parent / "dashboards"
SCHEMA_VERSION = 39
"""Of Grafana 10.4; newer ones migrate it when they load it."""
COLUMNS = 24
SOURCE = {"type": "prometheus", "uid": "${datasource}"}

Json = dict[str, object]


def dashboard_json(dashboard: Dashboard) -> Json:
    """One dashboard as Grafana's provisioning reads it."""
    return {
        "uid": f"notice-pipeline-{dashboard.name}",
        "title": dashboard.title,
        "description": dashboard.description,
        "tags": ["notice-pipeline"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "browser",
        "links": [_link_to_others()],
        "templating": {"list": [_source_variable(), *[_variable(name, query) for name, query in dashboard.variables]]},
        "panels": _panels(dashboard.rows),
    }


def _link_to_others() -> Json:
    return {
        "type": "dashboards",
        "title": "Notice Pipeline",
        "tags": ["notice-pipeline"],
        "asDropdown": True,
        "includeVars": True,
        "keepTime": True,
    }


def _source_variable() -> Json:
    return {"type": "datasource", "name": "datasource", "label": "Data source", "query": "prometheus"}


def _variable(name: str, query: str) -> Json:
    return {
        "type": "query",
        "name": name,
        "label": name.capitalize(),
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": name},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        # Not Grafana's list of all values: where the label is missing (no Kubernetes) that list is empty.
        "allValue": ".*",
        "current": {"text": ["All"], "value": ["$__all"]},
    }


def _panels(rows: Sequence[Row]) -> list[Json]:
    panels: list[Json] = []
    top = 0
    for row in rows:
        location = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
        panels.append({"id": len(panels) + 1, "type": "row", "title": row.title, "gridPos": location, "panels": []})
        top += 1
        left = height = 0
        for panel in row.panels:
            if left + panel.width > COLUMNS:
                top, left, height = top + height, 0, 0
            location = {"x": left, "y": top, "w": panel.width, "h": panel.height}
            panels.append({"id": len(panels) + 1, "gridPos": location, **_panel(panel)})
            left, height = left + panel.width, max(height, panel.height)
        top += height
    return panels


def _panel(panel: Panel) -> Json:
    return {
        "type": panel.look.value,
        "title": panel.title,
        "description": panel.description,
        "datasource": SOURCE,
        "targets": [
            {
                "refId": chr(ord("A") + index),
                "datasource": SOURCE,
                "expr": query.expr,
                "legendFormat": query.legend,
                "format": "heatmap" if panel.look is Look.HEATMAP else "time_series",
                "instant": panel.look is Look.STAT,
                "range": panel.look is not Look.STAT,
            }
            for index, query in enumerate(panel.queries)
        ],
        "fieldConfig": {"defaults": _defaults(panel), "overrides": []},
        "options": _OPTIONS[panel.look],
    }


def _defaults(panel: Panel) -> Json:
    steps: list[Json] = (
        [{"color": panel.steps[0][1], "value": None}] if panel.steps else [{"color": "text", "value": None}]
    )
    steps += [{"color": color, "value": value} for value, color in panel.steps[1:]]
    defaults: Json = {
        "unit": panel.unit,
        "min": 0,
        "color": {"mode": "thresholds" if panel.look is Look.STAT else "palette-classic"},
        "thresholds": {"mode": "absolute", "steps": steps},
    }
    if panel.message:
        options = {str(value): {"text": text, "index": index} for index, (value, text) in enumerate(panel.message)}
        defaults["mappings"] = [{"type": "value", "options": options}]
    if panel.look is Look.LINES:
        defaults["custom"] = {"drawStyle": "line", "lineWidth": 1, "fillOpacity": 10, "showPoints": "never"}
    return defaults


_OPTIONS: Mapping[Look, Json] = {
    Look.STAT: {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "value",
        "graphMode": "none",
        "textMode": "auto",
    },
    Look.LINES: {
        "legend": {"displayMode": "table", "placement": "bottom", "calcs": ["lastNotNull", "max"]},
        "tooltip": {"mode": "multi", "sort": "desc"},
    },
    Look.HEATMAP: {"calculate": False, "yAxis": {"unit": "s"}, "color": {"mode": "scheme", "scheme": "Blues"}},
}


def generated() -> dict[Path, str]:
    """Every file and the text that it must have."""
    return {
        FOLDER / f"{dashboard.name}.json": json.dumps(dashboard_json(dashboard), indent=2, ensure_ascii=False) + "\n"
        for dashboard in DASHBOARDS
    }


def stale() -> list[str]:
    """Files that are not as their declarations say."""
    return [
        path.name for path, text in generated().items() if not path.exists() or path.read_text(encoding="utf-8") != text
    ]


def main() -> int:
    """Write what is stale; with `--check`, only name it and exit 1."""
    names = stale()
    sys.stdout.write("".join(f"stale: {name}\n" for name in names))
    if "--check" in sys.argv[1:]:
        return 1 if names else 0
    for path, text in generated().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
