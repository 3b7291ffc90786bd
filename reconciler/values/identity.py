"""Names and identities: flows, runs, resource names."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

NAME_PATTERN = r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$"
NAME_ABOUT = "A DNS label: a-z, 0-9 and hyphens, at most 63."
RUN_ID_PATTERN = r"^r[0-9a-z]{16}$"
SourceKind = Literal["audience", "dataset"]

_FLOW = re.compile(r"^[^/]+/(audience|dataset)/[^/]+(/[^/]+)?$")


class FlowId(NamedTuple):
    """`<destination>/<audience|dataset>/<name>[/<feed>]`: who gets what, whatever activation declares it."""

    destination: str
    kind: SourceKind
    source: str
    feed: str = ""

    def __str__(self) -> str:
        return "/".join(part for part in self if part)

    @property
    def short(self) -> str:
        """`<destination>/<name>[/<feed>]`, for people."""
        return "/".join(part for part in (self.destination, self.source, self.feed) if part)

    @classmethod
    def parse(cls, text: str) -> FlowId:
        """Reads `str(flow_id)`. Raises ValueError."""
        if not _FLOW.match(text):
            raise ValueError(f"not a flow id: {text!r}")
        destination, kind, *rest = text.split("/")
        return cls(
            destination, "audience" if kind == "audience" else "dataset", rest[0], rest[1] if len(rest) > 1 else ""
        )
