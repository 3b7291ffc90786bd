"""The control side: how long `validate` and `plan` take over N documents, one a file, and how long starting takes.

`validate` with an empty cache and again, against check-jsonschema over the same files with the published schema; `plan` with nothing to do,
over as many flows on a local ledger and on one in S3, where requests count; `--version` against `python -c pass`. Each a whole process.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path

from bench import s3
from bench.measuring import OURS, ROOT, Result, Run, process

CHECKER = "check-jsonschema"
US = (sys.executable, "-m", "reconciler")
COUNTRIES = ("US", "DE", "FR", "IE", "JP", "BR", "IN", "SE")
CACHED = "with a cache"
EACH = 40  # audiences of an activation

PROJECT = """\
apiVersion: reconciler/v1
kind: Project
metadata: {name: bench}
spec:
  ledger: {url: "file://ledger"}
"""
SCHEDULE = """\
apiVersion: reconciler/v1
kind: Schedule
metadata: {name: nightly}
spec: {frequency: daily, time: "02:00", startDate: 2190-01-01}
"""
DATASET = """\
apiVersion: reconciler/v1
kind: Dataset
metadata:
  name: prospects-{number}
  labels: {{team: growth, tier: gold}}
spec:
  location: data/prospects-{number}
  format: parquet
  columns:
    prospect_id: {{type: string}}
    email: {{type: string}}
    country: {{type: string}}
    intent_score: {{type: double}}
    page_views: {{type: long}}
    budget: {{type: "decimal(12,2)"}}
    ingested_at: {{type: timestamp}}
  incremental: {{strategy: files, settle: 5m}}
  minRows: 1000
"""
DESTINATION = """\
apiVersion: reconciler/v1
kind: Destination
metadata:
  name: agency-{number}
  labels: {{team: growth}}
spec:
  type: local
  accepts: [prospects]
  recipient: {{name: Agency {number}, country: IE, agreement: DPA-{number}}}
  connection: {{path: out/agency-{number}}}
  format: {{type: parquet, compression: gzip}}
  files: {{maxRows: 5000000}}
"""
AUDIENCE = """\
apiVersion: reconciler/v1
kind: Audience
metadata:
  name: audience-{number}
  description: People of {country} whose intent is {score} or more.
  labels:
    tier: gold
    team: growth
spec:
  dataType: prospects
  dataset: prospects-{dataset}
  where: >-
    country = '{country}' AND intent_score >= {score} AND page_views > {number}
    AND (budget IS NULL OR budget < {budget})
"""
ACTIVATION = """\
apiVersion: reconciler/v1
kind: Activation
metadata: {{name: nightly-{number}}}
spec:
  destination: agency-{number}
  schedule: nightly
  audiences:
{audiences}
  mode: incremental
  backfill: full
  columns:
    - prospect_id
    - {{column: email, as: contact}}
  guards:
    audience: {{minRows: 1000, maxChange: 50%}}
    export: {{maxRows: 2000000}}
"""


def documents(count: int) -> Iterator[tuple[str, str]]:
    """`count` documents by file name: nine of ten are audiences, each with an expression of its own."""
    yield "reconcile.yaml", PROJECT
    yield "nightly.yaml", SCHEDULE
    groups = max(1, (count - 2) // (EACH + 3))
    audiences = count - 2 - 3 * groups
    for number in range(groups):
        yield f"datasets/prospects-{number}.yaml", DATASET.format(number=number)
        yield f"destinations/agency-{number}.yaml", DESTINATION.format(number=number)
        own = range(number, audiences, groups)
        listed = "\n".join(f"    - audience-{each}" for each in own)
        yield f"activations/nightly-{number}.yaml", ACTIVATION.format(number=number, audiences=listed)
    for number in range(audiences):
        values = {"dataset": number % groups, "country": COUNTRIES[number % 8], "score": number % 97 / 97}
        text = AUDIENCE.format(number=number, budget=f"{number}.50", **values)
        yield f"audiences/team-{number % 50}/audience-{number}.yaml", text


def make(folder: Path, count: int) -> list[str]:
    """Writes the project; returns the files' paths."""
    paths = []
    for name, text in documents(count):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
        paths.append(str(path))
    return paths


def measure(folder: Path, count: int, rounds: int, peer: str | None) -> list[Result]:
    """All of it, as whole processes in turns. A process that ends with an error ends the measuring."""
    cache = folder / "cache"
    paths = make(folder / "project", count)
    given = {"PYTHONPATH": str(ROOT), "RECONCILER_CACHE": str(cache)}

    def us(*command: str, cold: bool = False) -> Run:
        if cold:
            shutil.rmtree(cache, ignore_errors=True)
        return process([*US, "-C", str(folder / "project"), *command], given)

    ways = {OURS: lambda: us("validate", cold=True), "again": lambda: us("validate")}
    absent = {} if peer else {CHECKER: "not here: it isn't on PATH"}
    if peer:
        schema = str(ROOT / "schemas" / "v1" / "resource.json")
        ways[CHECKER] = lambda: process([peer, "--schemafile", schema, *paths], given)
    checked = turns(rounds, ways)
    again = {OURS: checked.pop("again"), **{name: runs for name, runs in checked.items() if name == CHECKER}}
    title = f"validate {count:,} documents in as many files"
    us("apply", "--yes", "--no-exports")
    flows = sum(1 for path in paths if "/audiences/" in path)
    planned = turns(rounds, {OURS: lambda: us("plan", cold=True), CACHED: lambda: us("plan")})
    bare = (sys.executable, "-c", "pass")
    ways = {OURS: lambda: process([*US, "--version"], given), "python -c pass": lambda: process(bare, given)}
    return [
        Result(f"{title}, empty cache", checked, absent),
        Result(f"{title}, nothing changed since the last", again, absent),
        Result(f"plan {flows:,} flows, nothing to do, local ledger", planned),
        plan_on_s3(folder, count, rounds),
        Result("start: --version", turns(max(rounds, 11), ways)),
    ]


def plan_on_s3(folder: Path, count: int, rounds: int) -> Result:
    """The same plan with the ledger in S3. The server is on this machine: seconds are partly its own, requests aren't."""
    project, cache = folder / "project-s3", folder / "cache-s3"
    flows = sum(1 for path in make(project, count) if "/audiences/" in path)
    title = f"plan {flows:,} flows, nothing to do, S3 ledger"
    if s3.ABSENT:
        return Result(title, {}, {OURS: s3.ABSENT})
    settings = project / "reconcile.yaml"
    settings.write_text(PROJECT.replace("file://ledger", f"s3://{s3.BUCKET}/ledger"), "utf-8")
    requests: dict[str, int] = {}
    with s3.serving() as server:
        given = {"PYTHONPATH": str(ROOT), "RECONCILER_CACHE": str(cache), **server.environment}

        def us(*command: str) -> Run:
            return process([*US, "-C", str(project), *command], given)

        def plan(who: str) -> Run:
            if who == OURS:
                shutil.rmtree(cache, ignore_errors=True)
            before = server.requests()
            run = us("plan")
            requests[who] = max(requests.get(who, 0), server.requests() - before)
            return run

        us("apply", "--yes", "--no-exports")
        runs = turns(rounds, {who: partial(plan, who) for who in (OURS, CACHED)})
    return Result(title, runs, note=f"requests: {requests[OURS]:,}, {CACHED} {requests[CACHED]:,}")


def turns(rounds: int, ways: Mapping[str, Callable[[], Run]]) -> dict[str, list[Run]]:
    """Every way once a round."""
    found: dict[str, list[Run]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(way())
    return found
