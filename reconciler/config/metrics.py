"""Where metrics and spans go, against the project's folder."""

from __future__ import annotations

from reconciler.config.alerts import IN_THE_CLEAR, in_the_clear
from reconciler.config.index import Entry, Index
from reconciler.config.locations import resolve
from reconciler.config.parse import Path
from reconciler.resources.resource import Project
from reconciler.resources.secrets import FromFile


def check_metrics(index: Index) -> None:
    """Reports relative paths that lead out of the project (P101), and secrets that would be sent in the clear (R185)."""
    for entry, project in index.all(Project):
        metrics = project.spec.metrics
        if metrics.open_metrics is not None:
            _inside(index, entry, ("openMetrics", "path"), metrics.open_metrics.path)
        if metrics.open_telemetry is not None:
            if metrics.open_telemetry.headers and in_the_clear(metrics.open_telemetry.endpoint):
                index.report("R185", entry, ("spec", "metrics", "openTelemetry", "endpoint"), IN_THE_CLEAR)
            for name, ref in metrics.open_telemetry.headers.items():
                if isinstance(ref, FromFile):
                    _inside(index, entry, ("openTelemetry", "headers", name, "fromFile"), ref.from_file)


def _inside(index: Index, entry: Entry, path: Path, written: str) -> None:
    if not written.startswith("/"):
        try:
            resolve(written, None)
        except ValueError as error:
            index.report("P101", entry, ("spec", "metrics", *path), str(error))
