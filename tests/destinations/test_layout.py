"""Names of a run's files."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from reconciler.destinations.layout import Layout, layout
from reconciler.errors import DestinationError
from reconciler.resources.formats import CsvFormat, Files, JsonFormat, ParquetFormat

RUN = "r0123456789abcdef"
SLOT = datetime(2026, 12, 2, 2, 0, tzinfo=UTC)


def of(files: Files | None = None, *, on_demand: bool = False, slot: datetime = SLOT) -> Layout:
    return layout(
        files or Files(),
        ParquetFormat(type="parquet"),
        destination="agency-s3",
        source="us",
        source_id="us-id",
        slot=slot,
        run_id=RUN,
        on_demand=on_demand,
    )


def test_default_layout() -> None:
    names = of()
    assert names.path(0) == f"us-id/exportTime=202612020200/part-00000-{RUN}-c000.gz.parquet"
    assert names.path(12) == f"us-id/exportTime=202612020200/part-00012-{RUN}-c000.gz.parquet"
    assert names.file(12) == f"part-00012-{RUN}-c000.gz.parquet"
    assert names.manifest == f"us-id/exportTime=202612020200/_manifest-{RUN}.json"


def test_an_on_demand_run_has_a_folder_of_its_own() -> None:
    assert of(on_demand=True).folder == f"us-id/exportTime=202612020200-{RUN}"
    assert of(on_demand=True).file(0) == of().file(0)


@pytest.mark.parametrize(
    ("file_format", "ext"),
    [
        (JsonFormat(type="json"), "json.gz"),
        (JsonFormat(type="json", compression="none"), "json"),
        (CsvFormat(type="csv"), "csv.gz"),
        (ParquetFormat(type="parquet", compression="zstd"), "zstd.parquet"),
    ],
)
def test_extensions(file_format: JsonFormat | CsvFormat | ParquetFormat, ext: str) -> None:
    names = layout(Files(), file_format, destination="d", source="s", source_id="s", slot=SLOT, run_id=RUN)
    assert names.file(0) == f"part-00000-{RUN}-c000.{ext}"


def test_slots_are_named_in_utc() -> None:
    elsewhere = SLOT.astimezone(timezone(timedelta(hours=-8)))
    assert of(slot=elsewhere).folder == of().folder


@pytest.mark.parametrize(
    "files",
    [
        Files(folder="../{source}"),
        Files(folder="{nope}"),
        Files(folder="/x"),
        Files(folder="a//b"),
        Files(folder=".reconciler-staging/x"),
    ],
)
def test_an_applied_template_is_checked_again(files: Files) -> None:
    with pytest.raises(DestinationError) as caught:
        of(files)
    assert caught.value.code == "D109"


def test_a_name_holds_no_folder() -> None:
    with pytest.raises(DestinationError, match="holds a folder"):
        of(Files(name="a/{part}")).file(0)
