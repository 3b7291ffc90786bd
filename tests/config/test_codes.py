"""The catalogue and the code agree: every code that is reported is explained, every explained one is reported."""

from __future__ import annotations

import re
from pathlib import Path

from reconciler.diagnostics import CODES, did_you_mean

ROOT = Path(__file__).parents[2]
OTHERS = {"S256"}
"""What looks like a code and is OAuth's."""
CODE = re.compile(r"\"([A-Z][0-9]{3})\"")


def used() -> set[str]:
    files = [each for each in (ROOT / "reconciler").rglob("*.py") if "codes" not in each.relative_to(ROOT).parts]
    return {code for each in files for code in CODE.findall(each.read_text("utf-8"))} - OTHERS


def test_every_reported_code_is_explained() -> None:
    assert used() - set(CODES) == set()


def test_every_explained_code_is_reported() -> None:
    assert set(CODES) - used() == set()


def test_no_code_stands_twice() -> None:
    tables = (ROOT / "reconciler" / "codes").glob("*.py")
    codes = [code for each in tables for code in re.findall(r'Code\(\s*"([A-Z][0-9]{3})"', each.read_text("utf-8"))]
    assert sorted(codes) == sorted(CODES)


def test_entries_are_whole_sentences() -> None:
    for code, entry in CODES.items():
        assert entry.code == code
        assert entry.summary
        assert not entry.summary.endswith(".")
        assert entry.summary[:1] == entry.summary[:1].lower() or entry.summary.split()[0] in (
            "YAML",
            "AWS",
            "S3",
            "KMS",
        ), code
        assert entry.explanation.endswith((".", ".)")), code
        assert entry.mend.endswith((".", "?", ".)")), code


def test_the_reference_is_generated() -> None:
    page = (ROOT / "docs" / "reference" / "diagnostics.md").read_text("utf-8")
    for code, entry in CODES.items():
        assert f"### {code} {entry.summary}\n" in page, "run scripts/generate.py"


def test_did_you_mean() -> None:
    known = ["schedule", "destination", "onRemove", "audiences"]
    assert did_you_mean("schedul", known) == " Did you mean schedule?"
    assert did_you_mean("on_remove", known) == " Did you mean onRemove?"
    assert did_you_mean("ONREMOVE", known) == " Did you mean onRemove?"
    assert did_you_mean("zebra", known) == ""
    assert did_you_mean("x" * 100_000, known) == ""
    assert did_you_mean("a", []) == ""
