"""Merge the expositions of several workers.

Counters and histograms are summed over all workers and their ended processes, so that a restart is not a reset.
Gauges get the label `worker`: a sum of limits, states and times of different processes has no meaning.

All expositions come from the same code, so that a series has the same text in each of them and is not parsed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CONTENT_TYPE_LATEST

from pipeline.metrics import Metric

SUMMED = frozenset({"counter", "histogram"})

Series = dict[str, float]


@dataclass
class _Family:
    kind: str
    help: str
    series: Series = field(default_factory=dict)


Families = dict[str, _Family]


class SummedExpositions:
    """Implements `pipeline.ports.WorkerExpositions`."""

    def __init__(self, own: Callable[[], Iterable[tuple[Metric, Mapping[str, str], float]]]) -> None:
        """`own` returns the supervisor's own metrics."""
        self._own = own
        self._newest: dict[int, Families] = {}
        self._ended: Families = {}

    def take(self, worker: int, exposition: bytes) -> None:
        """Take a worker's newest exposition."""
        self._newest[worker] = _read(exposition.decode())

    def retire(self, worker: int) -> None:
        """Keep the counters of a worker's ended process, and drop its gauges."""
        for name, family in self._newest.pop(worker, {}).items():
            if family.kind in SUMMED:
                ended = self._ended.setdefault(name, _Family(family.kind, family.help))
                _add(ended.series, family.series)

    def merged(self) -> tuple[bytes, str]:
        """Return the merged exposition and its content type."""
        families: Families = {}
        for worker, of_worker in sorted(self._newest.items()):
            for name, family in of_worker.items():
                total = families.setdefault(name, _Family(family.kind, family.help))
                if family.kind in SUMMED:
                    _add(total.series, family.series)
                else:
                    total.series.update((_labelled(series, worker), value) for series, value in family.series.items())
        for name, family in self._ended.items():
            _add(families.setdefault(name, _Family(family.kind, family.help)).series, family.series)
        for metric, labels, value in self._own():
            family = families.setdefault(metric.full_name, _Family(metric.kind, metric.help))
            family.series[_series(metric.full_name, labels)] = value
        return "".join(_written(families)).encode(), CONTENT_TYPE_LATEST


def _read(text: str) -> Families:
    families: Families = {}
    help_text = ""
    family: _Family | None = None
    for line in text.splitlines():
        if line.startswith("# HELP "):
            help_text = line.split(" ", 3)[3]
        elif line.startswith("# TYPE "):
            _, _, name, kind = line.split(" ", 3)
            family = families[name] = _Family(kind, help_text)
        elif family is not None and line and not line.startswith("#"):
            series, _, value = line.rpartition(" ")
            family.series[series] = float(value)
    return families


def _add(total: Series, series: Mapping[str, float]) -> None:
    for name, value in series.items():
        total[name] = total.get(name, 0.0) + value


def _labelled(series: str, worker: int) -> str:
    label = f'worker="{worker}"'
    return f"{series[:-1]},{label}}}" if series.endswith("}") else f"{series}{{{label}}}"


def _series(name: str, labels: Mapping[str, str]) -> str:
    inner = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f"{name}{{{inner}}}"


def _written(families: Mapping[str, _Family]) -> Iterable[str]:
    for name, family in families.items():
        yield f"# HELP {name} {family.help}\n# TYPE {name} {family.kind}\n"
        yield from (f"{series} {_number(value)}\n" for series, value in family.series.items())


def _number(value: float) -> str:
    return "+Inf" if value == float("inf") else repr(value)
