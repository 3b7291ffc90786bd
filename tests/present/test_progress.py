"""One line about an export under way: what is known, and what fits."""

from __future__ import annotations

import pytest

from reconciler.export.job import Progress
from reconciler.present.progress import as_text, estimated_files, remaining

HALF = Progress(rows=2_100_000, read=60_000, total=100_000, files=3)


def test_all_that_is_known() -> None:
    line = as_text("agency-s3/us-high-intent", HALF, 2.5)
    assert line == (
        "  ▶ export       agency-s3/us-high-intent  60 % · 3 of ~5 files · 2.1 M rows · 840 k rows/s · 0:02 left"
    )


def test_on_a_terminal_with_a_bar_that_fits() -> None:
    assert as_text("box/us", HALF, 2.5, width=120).startswith("  ▶ export       box/us  ━━━━━━━━━━━━──────── 60 %")
    for width in range(20, 140):
        line = as_text("box/us", HALF, 2.5, width=width)
        assert len(line) < width, "the last column stays free: some terminals wrap there"
        assert line.startswith("  ▶ export")
    narrow = as_text("box/us", HALF, 2.5, width=60)
    assert ("60 %" in narrow, "━" in narrow) == (True, False)


@pytest.mark.parametrize(
    ("done", "seconds", "expected"),
    [
        (Progress(0, 0, 0, 0), 0.0, "0 rows"),
        (Progress(0, 0, 0, 0), 70.0, "0 rows"),
        (Progress(999, 10, 0, 1), 1.0, "1 file · 999 rows · 999 rows/s"),
        (Progress(0, 50, 100, 0), 10.0, "50 % · 0 rows · 0 rows/s · 0:10 left"),
        (Progress(5_000, 100, 100, 2), 10.0, "2 files · 5,000 rows · 500 rows/s · finishing"),
        (Progress(5_000, 101, 100, 2), 10.0, "2 files · 5,000 rows · 500 rows/s · finishing"),
    ],
)
def test_what_is_not_known_is_not_said(done: Progress, seconds: float, expected: str) -> None:
    assert as_text("box/us", done, seconds) == f"  ▶ export       box/us  {expected}"


def test_files_are_estimated_from_what_is_read() -> None:
    assert estimated_files(Progress(10, 60, 100, 3)) == 5
    assert estimated_files(Progress(10, 99, 100, 3)) == 4
    assert estimated_files(Progress(10, 60, 100, 0)) is None
    assert estimated_files(Progress(10, 60, 0, 3)) is None


def test_time_left() -> None:
    assert remaining(Progress(1, 1, 4, 0), 10) == 30
    assert remaining(Progress(1, 0, 4, 0), 10) is None
    assert remaining(Progress(1, 1, 0, 0), 10) is None
    assert as_text("box/us", Progress(1_000, 1, 1_000, 0), 10).endswith("2:46:30 left")


def test_a_hostile_name_stays_on_its_line() -> None:
    line = as_text("box/\x1b[2J" + "x" * 300, HALF, 1, width=80)
    assert "\x1b" not in line
    assert len(line) < 80
