"""Plans to show, and golden files of what people see."""

from __future__ import annotations

import json
import os
from pathlib import Path

from reconciler.ledger.records import Actual
from reconciler.plan.plan import FieldDiff, Plan, Reason, Refusal, RemoveFlow
from reconciler.plan.planner import plan
from tests.config.support import SAMPLE, loaded
from tests.plan.every_kind import every_kind
from tests.plan.planning import NIGHT, NOW, PROJECT, SCHEDULE, apply, declared

GOLDEN = Path(__file__).parents[1] / "golden"
MARKUP = (
    "a|b || `c` ``d <img src=x onerror=alert(1)> <!-- </code></details> @team @org/team [x](https://evil.example) ![i](//e) "
    "#12 org/repo#3 GH-4 www.evil.example https://evil.example a@evil.example **b** _i_ ~~s~~ :smile: $x$ \\ &amp; {{ {% # h - l"
)
HOSTILE = MARKUP + " \x1b[2J\x07\u202e\u2066\u200b\ufeff\r\n# heading\n\n> quote\n---\n```"


def golden(name: str, text: str) -> None:
    """Compares with a golden file. RECONCILER_UPDATE_GOLDEN=1 writes it anew: read the difference before committing it."""
    path = GOLDEN / name
    if os.environ.get("RECONCILER_UPDATE_GOLDEN") == "1":
        path.write_text(text, "utf-8")
    assert path.read_text("utf-8") == text


def first(folder: Path) -> Plan:
    """The model's own sample, planned for the first time when a slot is due."""
    desired = loaded(folder, SAMPLE).desired
    assert desired
    return plan(desired, Actual(), NIGHT)


def hostile_values(folder: Path, many: int = 1) -> Plan:
    """Every text that a plan can hold, hostile: more than any configuration lets through."""
    found = every_kind(folder)
    update = next(each for each in found.changes if each.change == "update-flow")
    field = FieldDiff(path=HOSTILE, before=HOSTILE, after=HOSTILE)
    changes = [update.model_copy(update={"fields": (field,)}) for _ in range(many)]
    gone = next(each for each in found.changes if isinstance(each, RemoveFlow))
    bad = gone.model_copy(update={"reason": Reason(code="x", sentence=HOSTILE)})
    return found.model_copy(
        update={
            "changes": (*found.changes, *changes, bad),
            "environment": HOSTILE,
            "revision": HOSTILE,
            "selected": (HOSTILE,),
            "project": HOSTILE,
        }
    )


def refused(of: Plan, number: int = 1) -> Plan:
    """The same with refusals."""
    refusals = tuple(Refusal(code="G103", sentence=f"{at} {HOSTILE}") for at in range(number))
    return of.model_copy(update={"refusals": refusals})


def hostile_configuration(folder: Path) -> Plan:
    """What a stranger's pull request can say: filter, column names, recipient, description, path."""
    columns = {"id": {"type": "string"}, MARKUP: {"type": "string"}}
    quoted = MARKUP.replace("'", "''")

    def documents(where: str, more: dict[str, object], recipient: str) -> list[str]:
        metadata = {"name": "us", "description": MARKUP, "labels": {}}
        spec = {"location": "lake", "format": "parquet", "columns": columns}
        filtered = {"dataType": "prospects", "dataset": "prospects", "where": where}
        to = {"type": "local", "connection": {"path": "out"}, "recipient": {"name": recipient, "country": "IE"}}
        bound = {"destination": "box", "schedule": "nightly", "audiences": ["us"], "backfill": "full"}
        return [
            PROJECT,
            SCHEDULE,
            *(
                json.dumps({"apiVersion": "reconciler/v1", "kind": kind, "metadata": about, "spec": said})
                for kind, about, said in (
                    ("Dataset", {"name": "prospects", "description": MARKUP}, spec),
                    ("Audience", metadata, filtered),
                    ("Destination", {"name": "box"}, to),
                    ("Activation", {"name": "bind"}, {**bound, "columns": ["id"], **more}),
                )
            ),
        ]

    actual = apply(plan(declared(folder, *documents("TRUE", {}, "Agency")), Actual(), NOW), Actual())
    after = declared(folder, *documents(f"id = '{quoted}'", {"columns": ["id", MARKUP]}, MARKUP[:200]))
    return plan(after, actual, NIGHT)
