"""What `--select` means: patterns on flow ids, their short forms and destination names."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase

from reconciler.values.identity import FlowId


@dataclass(frozen=True, slots=True)
class Selection:
    """`patterns`: `*`, `?`, `[…]`; None is everything."""

    patterns: tuple[str, ...] | None = None

    def named(self, *names: str) -> bool:
        """Whether a pattern fits one of the names."""
        return self.patterns is None or any(fnmatchcase(name, each) for name in names for each in self.patterns)

    def flow(self, flow_id: FlowId) -> bool:
        """Whether a flow is meant, by itself or by its destination."""
        return self.patterns is None or self.named(str(flow_id), flow_id.short, flow_id.destination)
