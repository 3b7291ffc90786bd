"""A CSV file without a header begins with a person: nothing of that line is repeated, nor written down as columns."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest

from reconciler.datasets.infer import infer
from reconciler.datasets.local import LocalFiles
from reconciler.datasets.open import open_files
from reconciler.errors import SourceError
from reconciler.export.polars_engine import PolarsEngine
from tests.export.support import dataset, files_of

PERSON = "Marker-Mary"


def refused_reading(folder: Path) -> SourceError:
    spec = dataset("csv", {"id": "string"})
    with pytest.raises(SourceError) as caught:
        PolarsEngine().inspect(spec, LocalFiles(folder, "data", "csv", timedelta(0)).access(), files_of(folder, "csv"))
    return caught.value


def test_a_name_twice_is_told_by_its_places(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"id,{PERSON},x,{PERSON}\n1,2,3,4\n")
    error = refused_reading(tmp_path)
    assert (error.code, PERSON in str(error)) == ("F108", False)
    assert "columns 2 and 4" in error.detail


def test_a_file_without_a_header_lacks_its_columns(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text(f"7,{PERSON},{PERSON}\n8,b,c\n")
    error = refused_reading(tmp_path)
    assert (error.code, PERSON in str(error)) == ("F106", False)


def test_a_declared_name_that_stands_twice_is_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("id,id\n1,2\n")
    error = refused_reading(tmp_path)
    assert error.code == "F108"
    assert "'id'" in error.detail


@pytest.mark.parametrize("value", ["mary@example.com", "12.5", "+49 30 1234567", "2054-12-02", "7"])
def test_values_are_not_taken_for_columns(tmp_path: Path, value: str) -> None:
    (tmp_path / "a.csv").write_text(f"{PERSON},{value}\nJohn,x\n")
    with pytest.raises(SourceError) as caught:
        infer(lambda form: open_files(str(tmp_path), form, timedelta(0), root=tmp_path, session=no_cloud))
    assert caught.value.code == "F122"
    assert PERSON not in str(caught.value)
    assert value not in caught.value.detail.replace("Column 2", "")


def no_cloud() -> None:
    raise AssertionError("no cloud session is needed")
