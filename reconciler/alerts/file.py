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
        path = self._file()
        line = json.dumps(_event(message), ensure_ascii=False, sort_keys=True) + "\n"
        try:
            file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, line.encode())
            finally:
                os.close(file)
        except OSError as error:
            raise failure("N102", f"{path} can't be written to: {error.strerror}.") from error

    def check(self) -> str:
        """See `Channel`. Nothing is made where there is no file yet."""
        path = self._file()
        try:
            os.close(os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC))
        except FileNotFoundError:
            if not os.access(path.parent, os.W_OK | os.X_OK):
                raise failure("N102", f"{path} isn't there, and its folder can't be written to.") from None
            return "the file can be made"
        except OSError as error:
            raise failure("N102", f"{path} can't be written to: {error.strerror}.") from error
        return "the file can be written to"

    def _file(self) -> Path:
        path = inside(self.root, self.path)
        if path is None:
            raise failure(
                "N102", f"path {self.path!r} leads out of the project. Write an absolute path if it is meant."
            )
        return path


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
