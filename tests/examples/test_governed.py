"""`examples/governed`: allowed as it stands; with any of the lines that are commented out, refused as the golden files say.

And lived through: who objected, gave no consent or is too old stays, and the privacy office hears of a list that doesn't come.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars
import pytest
from cloudevents.core.bindings.http import HTTPMessage, from_http_event

from reconciler.config.load import load
from reconciler.ledger.records import Actual
from reconciler.plan.permitted import Principal
from reconciler.plan.planner import plan
from reconciler.present.plan_text import as_text
from tests.cli.support import Reconcile
from tests.examples.rehearsal import rehearse, replaced
from tests.plan.planning import apply
from tests.servers.listener import listening

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


def planned(
    example: Path, actual: Actual | None = None, who: Principal | None = None, at: datetime = NOW
) -> tuple[str, list[str]]:
    loaded = load(example)
    assert loaded.desired is not None, loaded.diagnostics
    found = plan(loaded.desired, actual or Actual(), at, principal=who)
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


OVERRIDE = "{policy: nobody-on-a-map, until: 2026-12-31, reason: A map of the campaign in Cork}"


def test_what_is_lifted_for_a_while_is_allowed_and_told(example: Path) -> None:
    """And no longer once the override has ended."""
    taken_in(example, "postcode")
    replaced(example / "agency.yaml", ("{name: agency-nightly}", f"{{name: agency-nightly, override: {OVERRIDE}}}"))
    text, codes = planned(example)
    assert codes == []
    agrees(text, "lifted")
    assert planned(example, at=datetime(2027, 1, 1, tzinfo=UTC))[1] == ["G140", "G143"]


def test_after_the_agreement_nothing_is_planned(example: Path) -> None:
    assert planned(example, at=datetime(2036, 6, 30, 23, 59, tzinfo=UTC))[1] == []
    text, codes = planned(example, at=datetime(2036, 7, 1, tzinfo=UTC))
    assert set(codes) == {"G144"}
    agrees(text, "ended")


def test_its_readme(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    done = rehearse("governed", tmp_path / "governed", Reconcile(capsys), monkeypatch)
    refused = [each.outcome for each in done if each.outcome.code == 4]
    assert [policy in each.out + each.err for policy, each in zip(BROKEN, refused, strict=True)] == [True] * 3


BROKEN = ("core-third-party", "nobody-on-a-map", "nobody-on-a-map")


def people(project: Path, until: datetime) -> polars.DataFrame:
    """1,200 people, every kind among them; written as it was at `until`."""
    ways = ["explicit", "yes", "no", None, "explicit", "explicit"]
    found = polars.DataFrame(
        {
            "prospect_id": [f"p-{n}" for n in range(1200)],
            "email": [f"p{n}@example.org" for n in range(1200)],
            "country": ["IE", "DE"] * 600,
            "postcode": "T12",
            "intent_score": [n % 10 / 9 for n in range(1200)],
            "income": 1.0,
            "browsing": "-",
            "points": list(range(1200)),
            "consent": [ways[n % 7 % 6] for n in range(1200)],
            "ingested_at": [until - timedelta(days=n % 30, hours=1) for n in range(1200)],
        }
    )
    (folder := project / "data" / "prospects").mkdir(parents=True, exist_ok=True)
    found.write_parquet(path := folder / "people.parquet")
    os.utime(path, (until.timestamp(), until.timestamp()))
    return found


def objections(project: Path, who: list[str], at: datetime) -> None:
    (folder := project / "data" / "opt-outs").mkdir(parents=True, exist_ok=True)
    lines = [hashlib.sha256(each.encode()).hexdigest() for each in who]
    (path := folder / "list.csv").write_text("\n".join(["email_sha256", *lines]) + "\n")
    os.utime(path, (at.timestamp(), at.timestamp()))


def test_three_nights(example: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setenv("PRIVACY_EVENTS_SECRET", "a secret to sign with")
    reconcile, evening = Reconcile(capsys), datetime(2026, 12, 1, 20, tzinfo=UTC)
    had, out = people(example, evening), example / "out" / "agency" / "promising"
    slot = datetime(2026, 12, 2, 2, tzinfo=UTC)
    matched = had.filter((polars.col("country") == "IE") & (polars.col("intent_score") >= 0.7))
    alive = matched.filter(polars.col("ingested_at") > slot - timedelta(days=25))
    agreed = alive.filter(polars.col("consent") == "explicit")
    objects, later, *_ = agreed["email"]
    left = agreed.filter(polars.col("email") != objects)
    objections(example, [objects, "nobody@example.org"], evening)
    replaced(
        example / "roles.yaml",
        ("metadata: {name: governed}\nspec:", 'metadata: {name: governed}\nspec:\n  ledger: {url: "file://.l", simulated: true}'),
    )  # fmt: skip
    with listening() as listener:
        replaced(example / "alerts.yaml", ("https://events.example.com", listener.url))

        def done(*arguments: str, code: int = 0) -> str:
            found = reconcile("-C", example, *arguments)
            assert found.code == code, found
            return found.out + found.err

        done("apply", "--yes", "--at", "2026-12-01T21:00Z")  # no roles were applied before: anybody may
        done("run", "--at", "2026-12-02T02:00Z")
        assert "F120" in done("run", "--at", "2026-12-04T02:00Z", code=1)
        objections(example, [objects, later], datetime(2026, 12, 4, 4, tzinfo=UTC))
        done("run", "--at", "2026-12-04T05:00Z")
        assert "G151" in done(
            "apply", "--yes", "--at", "2026-12-04T06:00Z", code=4
        )  # now roles judge, and nobody is proven
        heard = [from_http_event(HTTPMessage(each.headers, each.body)) for each in listener.received]
    events: dict[str, list[str]] = {}
    for each in heard:
        events.setdefault(str(each.get_subject()).split("/")[0], []).append(each.get_type().rpartition(".")[2])
    assert events == {
        "agency": ["excluded-rate-exceeded", "suppression-stale", "recovered"],
        "agency-measurement": ["suppression-stale", "recovered"],
    }
    assert all("webhook-signature" in each.headers for each in listener.received)
    (file,) = out.glob("exportTime=202612020200/part-*.parquet")
    rows = polars.read_parquet(file, hive_partitioning=False)
    assert rows.columns == ["prospect_id", "hashed_email"]
    assert rows["prospect_id"].to_list() == left["prospect_id"].to_list()
    (manifest,) = map(json.loads, (path.read_text() for path in out.glob("exportTime=202612020200/_manifest-*.json")))
    assert manifest["excluded"] == {
        "expired": len(matched) - len(alive), "consent": len(alive) - len(agreed), "suppressed": len(agreed) - len(left),
    }  # fmt: skip
    assert b"example.org" not in b"".join(each.body for each in listener.received)


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
