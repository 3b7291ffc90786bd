"""The `local` type passes the suite."""

from __future__ import annotations

from pathlib import Path

import pytest

from reconciler.destinations.base import OWNER_MARKER
from reconciler.destinations.local import LocalDestination
from tests.conformance.destinations import DestinationConformance


class LocalBench:
    """A folder."""

    big = 20 << 20
    many = 120

    def __init__(self, root: Path) -> None:
        self.root = root

    def open(self) -> LocalDestination:
        return LocalDestination(self.root)

    def visible(self) -> dict[str, bytes]:
        return {
            path.relative_to(self.root).as_posix(): path.read_bytes()
            for path in self.root.rglob("*")
            if path.is_file()
            and not path.relative_to(self.root).as_posix().startswith((".reconciler-staging/", OWNER_MARKER))
        }

    def put(self, name: str, content: bytes) -> None:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)

    def remove(self, name: str) -> None:
        (self.root / name).unlink()

    def leftovers(self) -> list[str]:
        """Staging areas, and dot files of any name but the marker's."""
        return [path.name for path in self.root.rglob(".*") if path.name != OWNER_MARKER]


class TestLocal(DestinationConformance):
    @pytest.fixture
    def bench(self, tmp_path: Path) -> LocalBench:
        return LocalBench(tmp_path / "place")
