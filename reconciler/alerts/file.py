"""A file that alerts are appended to, one CloudEvent a line."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

from reconciler.alerts.base import Message, failure
from reconciler.alerts.cloudevents import TYPE_PREFIX
from reconciler.values.inside import inside


@dataclass(frozen=True, slots=True)
class FileChannel:
    """One file, made on first use, readable by its owner alone; a relative path is below `root`. Implements `Channel`."""

    root: Path
    path: str

    def send(self, message: Message) -> None:
        """See `Channel`. One write of a whole line, so that several runners don't mix theirs."""
        path = inside(self.root, self.path)
        if path is None:
            raise failure(
                "N102", f"path {self.path!r} leads out of the project. Write an absolute path if it is meant."
            )
        line = json.dumps(_event(message), ensure_ascii=False, sort_keys=True) + "\n"
        try:
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, line.encode())
            finally:
                os.close(file)
        except OSError as error:
            raise failure("N102", f"{path} can't be written to: {error.strerror}.") from error


def _event(message: Message) -> dict[str, object]:
    return {
        "specversion": "1.0",
        "id": message.id,
        "source": message.source,
        "type": TYPE_PREFIX + message.event,
        "subject": message.subject,
        "time": f"{message.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
        "datacontenttype": "application/json",
        "data": {"title": message.title, "text": message.body, **message.data},
    }
