from __future__ import annotations

import pytest

from tests.cli.support import Reconcile


@pytest.fixture
def reconcile(capsys: pytest.CaptureFixture[str]) -> Reconcile:
    """The command line, in this process."""
    return Reconcile(capsys)
