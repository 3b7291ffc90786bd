"""`make demo`: a project from nothing, three nights with new data on a simulated ledger, a removal. Files stay in `demo/`.

Each step is a command that can be typed in `demo/` as well. Run again, it starts anew.
"""

from __future__ import annotations

import gzip
import json
import shutil
import sys
from contextlib import redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

from reconciler.cli.main import run
from reconciler.samples.files import write_parquet
from reconciler.samples.generator import prospects

HERE = Path("demo")
# The nights are those to come: data written now is older than they are, on whichever day the demo runs.
TODAY = datetime.now(UTC).date()
NEWSLETTER = "activations/newsletter.yaml"
SIMULATED = """\
spec:
  ledger: {url: "file://.reconcile/ledger", simulated: true}   # so that --at may run ahead of the clock
"""
DE = """\
apiVersion: reconciler/v1
kind: Audience
metadata: {name: de-newsletter}
spec: {dataType: prospects, dataset: prospects, where: country = 'DE'}
---
apiVersion: reconciler/v1
kind: Activation
metadata: {name: newsletter}
spec:
  destination: outbox
  schedule: nightly
  audiences: [de-newsletter]
  columns: [prospect_id, email]
"""


def at(night: int, time: str) -> str:
    """A time of the first, second, … day from today on: `2026-12-02T02:05Z`."""
    return f"{TODAY + timedelta(days=night)}T{time}Z"


def say(text: str) -> None:
    """A heading."""
    bold = ("\033[1m", "\033[0m") if sys.stdout.isatty() else ("", "")
    print(f"\n{bold[0]}{text}{bold[1]}", flush=True)


def reconcile(*arguments: str) -> None:
    """Shows a command and what it says; ends the demo where it fails."""
    print(f"\n$ reconcile {' '.join(arguments)}", flush=True)
    code = run(["-C", str(HERE), *arguments])
    sys.stdout.flush()
    if code:
        sys.exit(code)


def start() -> None:
    """A new project in `demo/`. Only what an earlier demo left is removed."""
    if HERE.exists() and not (HERE / NEWSLETTER).parent.is_dir():
        sys.exit(f"{HERE} is there and isn't an earlier demo's: move it away.")
    shutil.rmtree(HERE, ignore_errors=True)
    with redirect_stdout(StringIO()):
        if code := run(["init", str(HERE)]):
            sys.exit(code)
    with (HERE / "reconcile.yaml").open("a", encoding="utf-8") as file:
        file.write(SIMULATED)
    (HERE / NEWSLETTER).write_text(DE, "utf-8")


def night(number: int, what: str) -> None:
    """New data, if it isn't the first night, and the run of that night."""
    say(f"Night {number}. {what}")
    if number > 1:
        rows = prospects(500, seed=number, first=10_000 * number)
        write_parquet(rows, HERE / "data" / "prospects" / f"part-{number:05}.parquet")
    reconcile("run", "--at", at(number, "02:05"))


def show_files() -> None:
    """One line for each export, and the beginning of one file."""
    manifests = sorted((HERE / "out").rglob("_manifest-*.json"))
    say(f"The files. {len(manifests)} exports, a folder each, with a manifest of rows and hashes")
    print()
    for manifest in manifests:
        about = json.loads(manifest.read_text("utf-8"))
        print(f"  {manifest.parent}/   {about['rows']:>3} rows in {about['files'][0]['path'].rpartition('/')[2]}")
    last = next(manifests[-1].parent.glob("part-*.csv.gz"))
    print(f"\n$ gzip -dc {last} | head -3")
    with gzip.open(last, "rt", encoding="utf-8") as text:
        print("".join(line for line, _ in zip(text, range(3), strict=False)), end="")


def main() -> None:
    """Three nights."""
    start()
    say("A project, in demo/: 1,000 invented prospects, two audiences, a folder to send them to, a schedule")
    reconcile("validate")
    reconcile("apply", "--yes", "--at", at(1, "00:00"))
    night(1, "The first export is a backfill: everything that matches")
    night(2, "500 new prospects have arrived: an increment")
    night(3, "500 more: another increment")
    say(f"A change. {NEWSLETTER} is deleted: its flow goes, its files stay")
    (HERE / NEWSLETTER).unlink()
    reconcile("plan", "--at", at(3, "09:00"), "--allow-removals", "1")
    reconcile("apply", "--yes", "--at", at(3, "09:00"), "--allow-removals", "1")
    say("Is everything where it should be? verify reads the files back and hashes them again")
    reconcile("verify")
    reconcile("status", "--at", at(3, "09:00"))
    show_files()
    change = f"../.venv/bin/reconcile plan --at {at(4, '00:00')}"
    say(f"Yours now. cd demo, change a file in audiences/, then: {change}")


if __name__ == "__main__":
    main()
