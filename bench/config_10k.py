"""Checks, plans and starts: how long the control side takes over N documents, one a file, and N flows.

    python bench/config_10k.py --documents 10000 --runs 3

In turns, each a whole process: `validate` with an empty cache, `validate` again, and check-jsonschema over the same
files with the published schema, where it is installed (`--peer` names it); `plan` with nothing to do, over as many
flows on a local ledger; `--version` and `python -c pass`. Prints medians, and medians of the ratios within each turn.
Ratios matter, seconds don't.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
US = (sys.executable, "-m", "reconciler")
COUNTRIES = ("US", "DE", "FR", "IE", "JP", "BR", "IN", "SE")
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


def seconds(command: Sequence[str], environment: Mapping[str, str]) -> float:
    """Wall time of a whole process, which must succeed."""
    started = time.perf_counter()
    done = subprocess.run(command, env={**os.environ, **environment}, capture_output=True, text=True, check=False)
    taken = time.perf_counter() - started
    if done.returncode != 0:
        sys.exit(f"{command[:6]} ended with {done.returncode}:\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return taken


def turns(runs: int, ways: Mapping[str, Callable[[], float]]) -> dict[str, list[float]]:
    """Every way once a turn."""
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(runs):
        for name, way in ways.items():
            found[name].append(way())
    return found


def report(title: str, found: Mapping[str, list[float]], against: str) -> None:
    """Medians, and how many times as fast as `against` each is: the median of the turns' ratios."""
    print(title)
    for name, taken in found.items():
        ratio = statistics.median(other / own for other, own in zip(found[against], taken, strict=True))
        print(f"  {name:24} {statistics.median(taken):8.3f} s  {ratio:8.2f} × as fast as {against}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--documents", type=int, default=10_000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--peer", default=shutil.which("check-jsonschema"), help="check-jsonschema, if not on PATH")
    parser.add_argument("--no-plan", action="store_true", help="leave out the plan, which has to apply first")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-") as name:
        measure(Path(name), arguments.documents, arguments.runs, arguments.peer, plan=not arguments.no_plan)


def measure(folder: Path, count: int, runs: int, peer: str | None, *, plan: bool) -> None:
    """All of it, printed."""
    project, cache = folder / "project", folder / "cache"
    paths = make(project, count)
    given = {"PYTHONPATH": str(ROOT), "XDG_CACHE_HOME": str(cache)}
    reconcile = (*US, "-C", str(project))

    def cold(*command: str) -> float:
        shutil.rmtree(cache, ignore_errors=True)
        return seconds([*reconcile, *command], given)

    ways = {"validate": lambda: cold("validate"), "validate again": lambda: seconds([*reconcile, "validate"], given)}
    against = "validate"
    if peer:
        schema = str(ROOT / "schemas" / "v1" / "resource.json")
        ways["check-jsonschema"] = lambda: seconds([peer, "--schemafile", schema, *paths], given)
        against = "check-jsonschema"
    else:
        print("check-jsonschema isn't installed: validate is measured by itself.")
    report(f"validate, {count:,} documents in as many files", turns(runs, ways), against)
    if plan:
        seconds([*reconcile, "apply", "--yes", "--no-exports"], given)
        ways = {"plan": lambda: cold("plan"), "plan again": lambda: seconds([*reconcile, "plan"], given)}
        report("plan, nothing to do, local ledger", turns(runs, ways), "plan")
    bare = (sys.executable, "-c", "pass")
    ways = {"--version": lambda: seconds([*US, "--version"], given), "python -c pass": lambda: seconds(bare, given)}
    report("start", turns(max(runs, 11), ways), "python -c pass")


if __name__ == "__main__":
    main()
