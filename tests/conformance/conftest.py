"""The suites' asserts say what they compared, as asserts in test files do."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite("tests.conformance.destinations", "tests.conformance.stores")
