"""The system is asked to write early, and nobody minds where it can't be asked."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from reconciler.destinations.early import Early

STEP = 8 * 2**20


def test_what_was_written_is_begun_once_in_large_steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[int, int]] = []
    monkeypatch.setattr(os, "posix_fadvise", lambda _fd, at, size, _how: asked.append((at, size)), raising=False)
    with (tmp_path / "f").open("wb") as file:
        early = Early(file.fileno())
        for size in (1, STEP - 1, STEP, STEP + 5, 3 * STEP):
            early.upto(size)
    assert asked == [(0, STEP), (STEP, 2 * STEP)]


def test_no_hint_is_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise OSError("no such thing")

    with (tmp_path / "f").open("wb") as file:
        monkeypatch.setattr(os, "posix_fadvise", refused, raising=False)
        Early(file.fileno()).upto(STEP)
        monkeypatch.delattr(os, "posix_fadvise")
        Early(file.fileno()).upto(STEP)
