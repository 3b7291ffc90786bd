from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.faults.look", "tests.faults.place", "tests.api.shops")

from tests.cli.support import Reconcile  # noqa: E402


@pytest.fixture
def reconcile(capsys: pytest.CaptureFixture[str]) -> Reconcile:
    """The command line, in this process."""
    return Reconcile(capsys)
