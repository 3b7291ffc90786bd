"""JSON as listings print it."""

from __future__ import annotations

import json
from collections.abc import Mapping

VERSION = 1


def versioned(data: Mapping[str, object], *, indent: int | None = 2) -> str:
    """`{"version": 1, …}` with a line end; on one line without `indent`."""
    return json.dumps({"version": VERSION, **data}, indent=indent, ensure_ascii=False) + "\n"
