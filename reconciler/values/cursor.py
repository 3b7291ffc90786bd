"""A cursor: how far a flow's reader has come. It only moves when a run is recorded."""

from __future__ import annotations

from typing import Literal

from reconciler.values.base import Value


class FilesCursor(Value):
    """The `files` strategy: all files of the pin with this digest have been exported. In `full` mode it only documents."""

    strategy: Literal["files"] = "files"
    pin: str
    location: str
    files: int


Cursor = FilesCursor
