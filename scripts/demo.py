"""`make demo`: a project from nothing, three nights of new data on a simulated ledger, a removal; files stay in `demo/`."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from reconciler.samples.files import write_parquet
from reconciler.samples.generator import prospects

HERE = Path("demo")
SIMULATED = 'spec:\n  ledger: {url: "file://.reconcile/ledger", simulated: true}\n'
DE = """
---
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


def reconcile(*arguments: str) -> None:
    """Shows a command and what it says; ends the demo where it fails."""
    print(f"\n$ reconcile {' '.join(arguments)}", flush=True)
    done = subprocess.run([sys.executable, "-m", "reconciler", "-C", str(HERE), *arguments], check=False)
    if done.returncode:
        sys.exit(done.returncode)


def new_data(night: int) -> None:
    """A night's new file."""
    rows = prospects(500, seed=night, first=10_000 * night)
    write_parquet(rows, HERE / "data" / "prospects" / f"part-{night:05}.parquet")
    print(f"\n# night {night}: 500 new prospects arrive in data/prospects/part-{night:05}.parquet", flush=True)


def main() -> None:
    """Three nights."""
    shutil.rmtree(HERE, ignore_errors=True)
    subprocess.run([sys.executable, "-m", "reconciler", "init", str(HERE)], check=True, stdout=subprocess.DEVNULL)
    with (HERE / "reconcile.yaml").open("a", encoding="utf-8") as file:
        file.write(SIMULATED)
    newsletter = HERE / "activations" / "newsletter.yaml"
    newsletter.write_text(DE.lstrip("\n-"), "utf-8")
    reconcile("validate")
    reconcile("plan", "--at", "2026-12-01T00:00Z")
    reconcile("apply", "--yes", "--at", "2026-12-01T00:00Z")
    reconcile("run", "--at", "2026-12-01T02:05Z")
    for night in (2, 3):
        new_data(night)
        reconcile("run", "--at", f"2026-12-0{night}T02:05Z")
    newsletter.unlink()
    print("\n# the newsletter's file is deleted from the project: its flow goes, its files stay", flush=True)
    reconcile("apply", "--yes", "--at", "2026-12-03T09:00Z", "--allow-removals", "1")
    reconcile("verify")
    reconcile("status", "--at", "2026-12-03T09:00Z")
    files = sorted(path for path in (HERE / "out").rglob("*") if path.is_file() and not path.name.startswith("."))
    print(f"\n{len(files)} files are in {HERE / 'out'}:")
    for path in files:
        print(f"  {path}")


if __name__ == "__main__":
    main()
