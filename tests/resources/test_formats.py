"""Compression levels: which there are, and that no level is taken and ignored."""

from __future__ import annotations

import pytest
from pydantic import TypeAdapter, ValidationError

from reconciler.resources.formats import Files, Format

FORMATS: TypeAdapter[Format] = TypeAdapter(Format)


@pytest.mark.parametrize(
    ("form", "compression", "level"),
    [("parquet", "gzip", 9), ("parquet", "zstd", 19), ("json", "gzip", 1), ("json", "zstd", 12), ("csv", "gzip", 9)],
)
def test_levels(form: str, compression: str, level: int) -> None:
    found = FORMATS.validate_python({"type": form, "compression": compression, "compressionLevel": level})
    assert found.compression_level == level


@pytest.mark.parametrize(
    ("form", "compression", "level"),
    [("parquet", "gzip", 10), ("parquet", "snappy", 1), ("json", "none", 1), ("csv", "gzip", 0), ("json", "zstd", 20)],
)
def test_levels_that_there_are_not(form: str, compression: str, level: int) -> None:
    with pytest.raises(ValidationError):
        FORMATS.validate_python({"type": form, "compression": compression, "compressionLevel": level})


def test_a_file_has_five_million_rows_at_most_unless_said() -> None:
    assert Files().max_rows == 5_000_000
