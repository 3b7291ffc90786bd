"""The file of a saved plan: written for its owner alone and whole, read with a bound."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.errors import UsageError
from reconciler.own_file import own_file

if TYPE_CHECKING:
    from reconciler.plan.bind import SavedPlan
    from reconciler.plan.plan import Plan


def write_plan(plan: Plan | SavedPlan, path: str | os.PathLike[str]) -> SavedPlan:
    """Saves a plan, and returns it as it was saved. What was there is replaced only by a finished file; a link is replaced, not followed.

    Raises UsageError G133.
    """
    from reconciler.plan.bind import SavedPlan, save
    from reconciler.present.plan_json import saved_text

    saved = plan if isinstance(plan, SavedPlan) else save(plan)
    text = saved_text(saved)
    try:
        with own_file(Path(path)) as file:
            file.write(text.encode())
    except OSError as error:
        raise _unusable(path, error) from error
    return saved


def read_plan(path: str | os.PathLike[str]) -> SavedPlan:
    """What `write_plan` wrote. Raises UsageError G133 where it can't be read, and what `read_saved` raises."""
    from reconciler.present.plan_json import MAX_BYTES, read_saved
    from reconciler.version import __version__

    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NONBLOCK), "rb") as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                raise UsageError("G133", "the saved plan can't be read or written", f"{path} isn't an ordinary file.")
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise _unusable(path, error) from error
    return read_saved(data, __version__)


def _unusable(path: str | os.PathLike[str], error: OSError) -> UsageError:
    return UsageError("G133", "the saved plan can't be read or written", f"{path}: {error.strerror or error}.")
