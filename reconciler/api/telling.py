"""Everybody who hears of what a call does, besides its caller: alert channels, and whoever traces."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from reconciler.api.alerting import Alerts
from reconciler.apply.context import Context
from reconciler.apply.spans import Spans
from reconciler.resources.effective import FlowSpec


@dataclass(frozen=True, slots=True)
class Telling:
    """Both, for one call."""

    alerts: Alerts
    spans: Spans

    def of(self, context: Context, specs: Iterable[FlowSpec]) -> Context:
        """A context that tells of what happens; `specs`: see `Alerts.watching`."""
        return replace(self.alerts.watching(context, specs), span=self.spans)
