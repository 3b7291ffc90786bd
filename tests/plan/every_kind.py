"""One plan with every kind of change: for what shows and describes plans."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import get_args

from reconciler.ledger.records import Actual, StillThere
from reconciler.plan.plan import AnyChange, Plan
from reconciler.plan.planner import plan
from tests.plan.planning import NIGHT, NOW, activation, apply, audience, declared, opened

AGENCY = """{apiVersion: reconciler/v1, kind: Account, metadata: {name: agency},
  spec: {type: aws, auth: {assumeRole: {roleArn: "arn:aws:iam::123456789012:role/export",
    externalId: {fromEnv: AGENCY_ID}}}}}"""
PROJECT = "{apiVersion: reconciler/v1, kind: Project, metadata: {name: growth}, spec: {removals: {maxShare: 50%}}}"
SCHEDULE = """{apiVersion: reconciler/v1, kind: Schedule, metadata: {name: nightly},
  spec: {frequency: daily, time: "02:00"}}"""
NEW_SCHEDULE = SCHEDULE.replace("nightly", "morning").replace("02:00", "04:00")
DATASET = """{apiVersion: reconciler/v1, kind: Dataset, metadata: {name: prospects},
  spec: {location: lake, format: parquet, columns: {id: {type: string}, email: {type: string}, country: {type: string}}}}"""

LAKE = DATASET.replace("name: prospects", "name: leads").replace("location: lake", "location: /srv/lake")
THEIRS = audience("leads-us").replace("dataset: prospects", "dataset: leads")
ROLE = """{apiVersion: reconciler/v1, kind: Role, metadata: {name: privacy},
  spec: {subjects: [{group: privacy-office}], grants: [manage-policies]}}"""


def local(name: str, path: str, more: str = "", meta: str = "") -> str:
    about = f", {meta}" if meta else ""
    extra = f", {more}" if more else ""
    return f"""{{apiVersion: reconciler/v1, kind: Destination, metadata: {{name: {name}{about}}},
  spec: {{type: local, connection: {{path: {path}}}{extra}}}}}"""


def s3(name: str) -> str:
    return f"""{{apiVersion: reconciler/v1, kind: Destination, metadata: {{name: {name}}},
  spec: {{type: s3, account: agency, connection: {{bucket: agency-prospects, path: in/us, region: eu-west-1}},
    recipient: {{name: Agency Ltd, country: IE}}}}}}"""


def before(folder: Path) -> Actual:
    """Applied, and exported for one night; a run of `outbox/late` was left open."""
    desired = declared(
        folder,
        PROJECT,
        SCHEDULE,
        DATASET,
        local("outbox", "out"),
        local("side", "side"),
        local("former", "former"),
        local("dropped", "dropped"),
        *(audience(name) for name in ("us", "de", "mode", "old", "gone", "paused", "resting", "late")),
        activation("us", "de", "mode", "old", "gone", "late"),
        activation("paused", to="side", name="side"),
        activation("resting", to="side", name="rest", more="suspend: true"),
        activation("us", to="former", name="to-former"),
        activation("us", to="dropped", name="to-dropped", more="onRemove: purge"),
    )
    actual = apply(plan(desired, Actual(), NOW), Actual())
    actual = apply(plan(desired, actual, NIGHT), actual)
    partner = declared(
        folder,
        PROJECT.replace("name: growth", "name: partner"),
        SCHEDULE,
        LAKE,
        local("theirs", "/srv/theirs", meta="transferTo: growth"),
        THEIRS,
        activation("leads-us", to="theirs", name="from-partner"),
    )
    actual = apply(plan(partner, actual, NOW), actual)
    late = opened(actual.flows["outbox/audience/late"], NIGHT + timedelta(days=1))
    counted = {"dropped/audience/us": StillThere(runs=3, files=12, manifests=3, rows=1_080_000, size=25_400_000)}
    return actual.model_copy(update={"flows": {**actual.flows, late.flow: late}, "exported": counted})


def every_kind(folder: Path) -> Plan:
    """From `before` to what makes a plan of all kinds, at a moment when slots are due."""
    actual = before(folder)
    desired = declared(
        folder,
        PROJECT,
        SCHEDULE,
        NEW_SCHEDULE,
        DATASET,
        AGENCY,
        ROLE,
        s3("agency-s3"),
        local("outbox", "out", "format: {type: csv}", "protect: true"),
        local("side", "side"),
        local("latter", "former", meta="renamedFrom: former"),
        local("theirs", "/srv/theirs", meta="adoptFrom: partner"),
        *(audience(name) for name in ("us", "mode", "paused", "resting", "late")),
        audience("de", "country IN ('DE', 'AT')"),
        audience("new", "country = 'CA'", "renamedFrom: old"),
        activation("us", "de", "new", "late"),
        activation("paused", to="side", name="side", more="suspend: true"),
        activation("resting", to="side", name="rest"),
        activation("mode", name="by-hand", more="columns: [id, {column: email, as: contact}], guards: {export: {maxRows: 10}}"),
        activation("us", to="latter", name="to-former"),
        LAKE,
        THEIRS,
        activation("leads-us", to="theirs", name="from-partner"),
        activation(
            "us", to="agency-s3", name="to-agency",
            more="columns: [id, {column: email, as: hashed, transform: sha256-email}], backfill: full",
        ),
    )  # fmt: skip
    return plan(desired, actual, NIGHT + timedelta(days=2), revision="3f2c9aa" + "0" * 33)


def kinds() -> set[str]:
    """The tag of every kind of change that there is."""
    return {str(each.model_fields["change"].default) for each in get_args(AnyChange)}
