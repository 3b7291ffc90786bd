"""Lock files name no host, and all that they pin has a hash."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NODE = ROOT / "tests/servers/node/package-lock.json"
PYTHON = sorted((ROOT / "requirements").glob("*.lock"))


@pytest.mark.parametrize("lock", [*PYTHON, NODE], ids=lambda each: each.name)
def test_a_lock_names_no_host(lock: Path) -> None:
    assert "://" not in lock.read_text()


@pytest.mark.parametrize("lock", PYTHON, ids=lambda each: each.name)
def test_every_python_package_has_hashes(lock: Path) -> None:
    pinned = re.split(r"\n(?=\S)", lock.read_text().strip())
    assert len(pinned) > 3
    assert [each.splitlines()[0] for each in pinned if "==" in each and "--hash=sha256:" not in each] == []


def test_every_npm_package_has_a_hash() -> None:
    packages = {name: each for name, each in json.loads(NODE.read_text())["packages"].items() if name}
    assert len(packages) > 3
    assert [name for name, each in packages.items() if "integrity" not in each and not each.get("inBundle")] == []
