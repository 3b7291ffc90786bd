"""Metrics of flows as OpenMetrics text. Gauges alone, so that Prometheus' older text format reads the same.

Labels are names of the configuration and words of closed lists: as many series as there are flows, times what is known of each.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final

from reconciler.errors import MissingExtra
from reconciler.ledger.records import LastRun
from reconciler.present.status import ORDER, FlowStatus
from reconciler.values.excluded import EXCLUDED
from reconciler.version import __version__

if TYPE_CHECKING:
    from prometheus_client import Metric

_LABELS: Final = ("project", "flow", "destination")
_OF_RUN: Final[tuple[tuple[str, str, Callable[[LastRun], float | None]], ...]] = (
    ("read_rows", "Rows that the last recorded export read.", lambda run: run.read),
    ("matched_rows", "Of these, rows that the filter kept.", lambda run: run.matched),
    ("exported_rows", "Rows that left.", lambda run: run.rows),
    ("files", "Files that left.", lambda run: run.files),
    ("size_bytes", "Their size.", lambda run: run.size),
    ("duration_seconds", "From claiming the export until it was recorded.", lambda run: run.duration_seconds),
    ("delay_seconds", "From the slot until the export began.", lambda run: run.delay_seconds),
    ("slot_timestamp_seconds", "The slot that was exported.", lambda run: run.slot.timestamp()),
    ("finished_timestamp_seconds", "When it was recorded.", lambda run: run.finished_at.timestamp()),
)
"""Of a flow's last recorded export: name after `reconciler_last_export_`, what it is, value; None: not known."""
_OF_FLOW: Final[tuple[tuple[str, str, Callable[[FlowStatus], float | None]], ...]] = (
    (
        "next_slot_timestamp_seconds",
        "The slot that is due, or the one to come.",
        lambda each: each.next_slot.timestamp() if each.next_slot else None,
    ),
    ("missed_slots", "Other slots that passed without an export.", lambda each: each.missed),
    ("alerts_waiting", "Alerts that no channel took yet.", lambda each: len(each.book.waiting) if each.book else 0),
)
"""The same after `reconciler_flow_`."""


def as_openmetrics(found: Iterable[FlowStatus], now: datetime) -> str:
    """The text, with `# EOF` at its end. Raises `MissingExtra`."""
    try:
        from prometheus_client import CollectorRegistry
        from prometheus_client.core import GaugeMetricFamily
        from prometheus_client.openmetrics.exposition import generate_latest
    except ImportError as error:
        raise MissingExtra("metrics", "writing metrics") from error
    flows = sorted(found, key=lambda each: each.head.flow)

    def gauge(name: str, about: str, *labels: str) -> GaugeMetricFamily:
        return GaugeMetricFamily(f"reconciler_{name}", about, labels=[*_LABELS, *labels] if labels else list(_LABELS))

    families: list[Metric] = []
    for name, about, of_run in _OF_RUN:
        family = gauge(f"last_export_{name}", about)
        for each in flows:
            if each.head.last_run is not None and (value := of_run(each.head.last_run)) is not None:
                family.add_metric(_labels(each), value)
        families.append(family)
    stayed = gauge("last_export_excluded_rows", "Rows that matched and stayed, by reason.", "reason")
    for each in flows:
        if each.head.last_run is not None:
            for reason in EXCLUDED:
                stayed.add_metric([*_labels(each), reason], each.head.last_run.excluded.get(reason, 0))
    families.append(stayed)
    for name, about, of_flow in _OF_FLOW:
        family = gauge(f"flow_{name}", about)
        for each in flows:
            if (value := of_flow(each)) is not None:
                family.add_metric(_labels(each), value)
        families.append(family)
    states = gauge("flow_state", "1 for the state that the flow is in.", "state")
    for each in flows:
        for state in ORDER:
            states.add_metric([*_labels(each), state], float(each.state == state))
    families.append(states)
    written = GaugeMetricFamily("reconciler_written_timestamp_seconds", "When this was written.", labels=["version"])
    written.add_metric([__version__], now.timestamp())

    class _Collector:
        def collect(self) -> Iterable[Metric]:
            return [*families, written]

    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Collector())
    text: bytes = generate_latest(registry)  # type: ignore[no-untyped-call]
    return text.decode()


def _labels(status: FlowStatus) -> list[str]:
    return [status.head.owner, status.head.flow, status.head.flow_id.destination]
