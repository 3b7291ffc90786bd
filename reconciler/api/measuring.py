"""Writing metrics when work is done. What can't be written is told, and nothing else comes of it."""

from __future__ import annotations

import errno
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.api.choose import ALL, chosen
from reconciler.api.hooks import Hooks
from reconciler.api.looking import statuses
from reconciler.errors import ReconcilerError, unexpected
from reconciler.present.metrics import as_openmetrics
from reconciler.stores.ledger import Ledger
from reconciler.values.inside import inside

if TYPE_CHECKING:
    from reconciler.api.wiring import Wiring


@dataclass(frozen=True, slots=True)
class NotMeasured:
    """`what`: the metrics, or the spans."""

    what: str
    error: ReconcilerError


def measure(wiring: Wiring, ledger: Ledger, now: datetime, hooks: Hooks) -> None:
    """Replaces the file of metrics, where one is declared, by what all flows of the ledger are like by now. Never raises."""
    declared = wiring.place.metrics.open_metrics
    if declared is None:
        return
    try:
        found = statuses(ledger, chosen(ledger.actual(), ALL), now)
        text = as_openmetrics(found, now)
        path = inside(wiring.root, declared.path)
        if path is None:
            raise OSError(errno.EXDEV, "it leads out of the project; write an absolute path if that is meant")
        _replace(path, text)
    except ReconcilerError as error:
        hooks.told(NotMeasured("Metrics", error))
    except OSError as error:
        said = f"{declared.path}: {error.strerror}. Correct Project.spec.metrics.openMetrics.path."
        hooks.told(NotMeasured("Metrics", ReconcilerError("N110", "metrics can't be written", said)))
    except Exception as error:
        hooks.told(NotMeasured("Metrics", unexpected(error)))


def _replace(path: Path, text: str) -> None:
    """Whole or not at all: whoever collects it reads the old file or the new one. Its folder is made where it isn't there. The file is
    readable for all that the umask lets: a collector is somebody else, and there is nothing in it that the configuration doesn't say."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644), "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
