"""What a test needs and a machine may lack: it says so and is skipped; where all must be there (CI), it fails."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

_CI = bool(os.environ.get("CI"))  # read once: tests don't see it
SERVERS = Path(__file__).parents[2] / ".servers"
"""Where `make servers` puts what npm has."""


def needed(program: str | Path, comes_with: str) -> Path:
    """A program's path. Ends the test where it is missing: skipped, or failed under CI."""
    path = Path(program)
    if not path.exists():
        lacking = f"{path.name} is missing here; it comes with {comes_with}"
        pytest.fail(lacking) if _CI else pytest.skip(lacking)
    return path
