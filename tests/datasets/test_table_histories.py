"""Random histories of a table against a naive model: over any of them, what increments held is what was appended, each row once."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.datasets.base import Files
from reconciler.errors import SourceError
from reconciler.values.pin import TableState
from tests.datasets.lakes import NOW, history, ids, local_lake, opened, read

COLUMNS = {"id": "string"}
ACTS = st.lists(
    st.sampled_from(["append", "append", "append", "compact", "night", "night", "delete", "restart"]), max_size=14
)
_ALPHABET = "abcdefghijklmnopqrstuvwxyz"


class _Delta:
    format = "delta"

    def __init__(self, folder: Path) -> None:
        self.location = str(folder / "t")
        write_deltalake(self.location, pa.table({"id": pa.array([], pa.string())}))

    def append(self, person: str) -> None:
        write_deltalake(self.location, pa.table({"id": [person]}), mode="append")

    def compact(self) -> None:
        DeltaTable(self.location).optimize.compact()

    def delete(self, person: str) -> None:
        DeltaTable(self.location).delete(f"id = '{person}'")


class _Iceberg:
    format = "iceberg"

    def __init__(self, folder: Path) -> None:
        self._lake = local_lake(folder / "lake", pa.schema([("id", pa.string())]))
        self.location = self._lake.location

    def append(self, person: str) -> None:
        self._lake.table.append(pa.table({"id": [person]}))
        self._lake.hint()

    def compact(self) -> None:
        if self._lake.data_files():
            self._lake.compact()

    def delete(self, person: str) -> None:
        self._lake.table.delete(f"id = '{person}'")
        self._lake.hint()


@pytest.mark.parametrize("make", [_Delta, _Iceberg])
def test_any_history_is_told_exactly_once(make: Callable[[Path], _Delta | _Iceberg]) -> None:
    @settings(max_examples=12, deadline=None)
    @given(ACTS)
    def told(acts: list[str]) -> None:
        with tempfile.TemporaryDirectory() as folder:
            _live(make(Path(folder)), acts, Path(folder))

    told()


def _live(table: _Delta | _Iceberg, acts: list[str], folder: Path) -> None:
    """Acts one by one, and a last night. A run that is refused sends nothing; starting over sends all there is."""
    files = opened(table.format, table.location, COLUMNS)
    at, there, waiting, taken = _state(files), "", "", False
    for number, act in enumerate([*acts, "night"]):
        person = _ALPHABET[number]
        match act:
            case "append":
                table.append(person)
                there, waiting = there + person, waiting + person
            case "compact":
                table.compact()
            case "delete" if there:
                table.delete(there[0])
                there, taken = there[1:], True
            case "restart":
                listed = files.listing(NOW).pin.files
                assert sorted(_read(files, listed, folder)) == sorted(there)
                at, waiting, taken = _state(files), "", False
            case "night" if taken:
                with pytest.raises(SourceError, match="took rows out"):
                    history(files).added(at)
            case "night":
                assert _read(files, history(files).added(at), folder) == waiting
                at, waiting = _state(files), ""


def _read(files: Files, pinned: object, folder: Path) -> str:
    return ids(read(files, pinned, folder / "out", COLUMNS))  # type: ignore[arg-type]


def _state(files: Files) -> TableState:
    found = files.listing(NOW).pin.table
    assert found is not None
    return found
