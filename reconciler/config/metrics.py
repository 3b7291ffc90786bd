"""Where metrics go, against the project's folder."""

from __future__ import annotations

from reconciler.config.index import Index
from reconciler.config.locations import resolve
from reconciler.resources.resource import Project


def check_metrics(index: Index) -> None:
    """Reports a relative path that leads out of the project (P101)."""
    for entry, project in index.all(Project):
        written = project.spec.metrics.open_metrics
        if written is not None and not written.path.startswith("/"):
            try:
                resolve(written.path, None)
            except ValueError as error:
                index.report("P101", entry, ("spec", "metrics", "openMetrics", "path"), str(error))
