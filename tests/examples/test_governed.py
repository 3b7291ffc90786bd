"""`examples/governed`: allowed as it stands; with any of the lines that are commented out, refused as the golden files say."""

from __future__ import annotations

import os
import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest

from reconciler.config.load import load
from reconciler.ledger.records import Actual
from reconciler.plan.permitted import Principal
from reconciler.plan.planner import plan
from reconciler.present.plan_text import as_text
from tests.plan.planning import apply

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 12, 1, tzinfo=UTC)
GROWTH = Principal(name="ana", groups=("growth",))
PRIVACY = Principal(name="priya", groups=("privacy-office",))


@pytest.fixture
def example(tmp_path: Path) -> Path:
    return Path(shutil.copytree(ROOT / "examples" / "governed", tmp_path / "governed"))


def taken_in(example: Path, column: str) -> None:
    """A line that was commented out."""
    path = example / "agency.yaml"
    text, found = re.subn(
        rf"^    # - (?=.*\b{column}\b)", "    - ", path.read_text("utf-8"), count=1, flags=re.MULTILINE
    )
    assert found == 1
    path.write_text(text, "utf-8")


def planned(example: Path, actual: Actual | None = None, who: Principal | None = None) -> tuple[str, list[str]]:
    loaded = load(example)
    assert loaded.desired is not None, loaded.diagnostics
    found = plan(loaded.desired, actual or Actual(), NOW, principal=who)
    return as_text(found), [each.code for each in found.refusals]


def agrees(text: str, name: str) -> None:
    golden = ROOT / "tests" / "golden" / f"governed-{name}.txt"
    if os.environ.get("RECONCILER_UPDATE_GOLDEN"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


@pytest.mark.parametrize("column", ["income", "postcode", "browsing"])
def test_what_is_commented_out_is_refused(example: Path, column: str) -> None:
    taken_in(example, column)
    text, codes = planned(example)
    assert codes == ["G140"]
    agrees(text, column)


def test_once_applied_the_roles_judge(example: Path) -> None:
    """Another team's change is refused, and so is one's own that switches a policy off."""
    loaded = load(example)
    assert loaded.desired is not None
    actual = apply(plan(loaded.desired, Actual(), NOW), Actual())
    path = example / "agency.yaml"
    path.write_text(path.read_text("utf-8").replace("    - country\n", ""), "utf-8")
    assert planned(example, actual, GROWTH)[1] == []
    assert planned(example, actual, PRIVACY)[1] == ["G150"]
    path = example / "policies.yaml"
    path.write_text(
        path.read_text("utf-8").replace("{status: draft, deny: C9}", "{status: disabled, deny: C9}"), "utf-8"
    )
    text, codes = planned(example, actual, GROWTH)
    assert codes == ["G150"]
    agrees(text, "not-permitted")
