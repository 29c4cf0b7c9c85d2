"""Metrics in the text format of Prometheus: counters, gauges, and a histogram of response times."""

from __future__ import annotations

import resource
import sys
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping
from threading import Lock

BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
"""Upper bounds of the histogram, in seconds."""
CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
HELP = {
    "splade_requests_total": "Answered requests by path, method and status.",
    "splade_queries_total": "Queries that were searched for.",
    "splade_encoded_texts_total": "Texts that were encoded.",
    "splade_marks_total": "Verdicts that were kept.",
    "splade_reloads_total": "New generations of the index that were opened.",
    "splade_reload_failures_total": "New generations that could not be opened.",
}


class Metrics:
    """Counts of one process, from its start. Safe from many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._buckets: dict[str, list[int]] = {}
        self._seconds: Counter[str] = Counter()

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Adds to a counter."""
        with self._lock:
            self._counts[name, _labels(labels)] += by  # type: ignore[assignment]

    def total(self, name: str) -> float:
        """The sum of a counter over its labels."""
        with self._lock:
            return sum(value for (each, _), value in self._counts.items() if each == name)

    def request(self, path: str, method: str, status: int, seconds: float) -> None:
        """Counts one request; `path` must be one of a fixed set."""
        self.count("splade_requests_total", path=path, method=method, status=str(status))
        with self._lock:
            label = _labels({"path": path})
            row = self._buckets.setdefault(label, [0] * (len(BUCKETS) + 1))
            row[bisect_left(BUCKETS, seconds)] += 1
            self._seconds[label] += seconds  # type: ignore[assignment]

    def text(self, gauges: Mapping[str, tuple[str, float]]) -> str:
        """All of it, with `gauges` as name to what it is and its value."""
        with self._lock:
            lines = [*self._counters(), *self._histogram()]
        for name, (what, value) in gauges.items():
            lines += [f"# HELP {name} {what}", f"# TYPE {name} gauge", f"{name} {value:.10g}"]
        return "\n".join(lines) + "\n"

    def _counters(self) -> Iterator[str]:
        for name, what in HELP.items():
            yield f"# HELP {name} {what}"
            yield f"# TYPE {name} counter"
            rows = sorted((labels, value) for (each, labels), value in self._counts.items() if each == name)
            for labels, value in rows or [("", 0)]:
                yield f"{name}{labels} {value:.10g}"

    def _histogram(self) -> Iterator[str]:
        name = "splade_request_seconds"
        yield f"# HELP {name} Seconds from a request's head to the end of its answer."
        yield f"# TYPE {name} histogram"
        for labels, row in sorted(self._buckets.items()):
            inner = labels[1:-1]
            count = 0
            for bound, inside in zip((*BUCKETS, float("inf")), row, strict=True):
                count += inside
                edge = "+Inf" if bound == float("inf") else f"{bound:g}"
                yield f'{name}_bucket{{{inner},le="{edge}"}} {count}'
            yield f"{name}_sum{labels} {self._seconds[labels]:.6f}"
            yield f"{name}_count{labels} {count}"


def peak_memory() -> float:
    """The largest resident memory of this process so far, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    if sys.platform == "darwin":
        return float(peak)
    return float(peak * 1024)


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    inner = ",".join(f'{name}="{_escaped(value)}"' for name, value in sorted(labels.items()))
    return f"{{{inner}}}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
