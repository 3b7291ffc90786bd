"""A small project on disk that hostile things happen to: one CSV dataset, one audience, a destination of choice, a simulated ledger."""

from __future__ import annotations

import csv
import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.hostile.calls import Call, reconcile

LOCAL = "{type: local, connection: {path: out}, format: {type: csv, compression: none}}"
COLUMNS = "{prospect_id: {type: string}, country: {type: string}, score: {type: double}}"
FLOW = "box/us"
_PROJECT = """
apiVersion: reconciler/v1
kind: Project
metadata: {{name: shop}}
spec: {{ledger: {{url: "{ledger}"{account}, simulated: true}}}}
---
apiVersion: reconciler/v1
kind: Destination
metadata: {{name: box}}
spec: {destination}
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {{name: people}}
spec: {{location: "{location}", format: {form}{source}, columns: {columns}, incremental: {{settle: 0s}}}}
---
apiVersion: reconciler/v1
kind: Audience
metadata: {{name: us}}
spec: {{dataType: prospects, dataset: people, where: "country = 'US'"}}
---
apiVersion: reconciler/v1
kind: Schedule
metadata: {{name: nightly}}
spec: {{frequency: daily, time: "02:00", startDate: 2054-12-01}}
---
apiVersion: reconciler/v1
kind: Activation
metadata: {{name: nightly}}
spec: {{destination: box, schedule: nightly, audiences: [us], columns: [prospect_id, score]}}
"""


@dataclass(frozen=True)
class Shop:
    """The project's directory."""

    root: Path

    def declare(
        self,
        *,
        ledger: str = "file://.reconcile/ledger",
        destination: str = LOCAL,
        location: str = "data",
        form: str = "csv",
        columns: str = COLUMNS,
        account: str = "",
        more: str = "",
    ) -> Shop:
        """Writes the configuration. `account`: who reads ledger and dataset where these are in S3."""
        text = _PROJECT.format(
            ledger=ledger,
            account=f", account: {account}" if ledger.startswith("s3") else "",
            destination=destination,
            location=location,
            form=form,
            source=f", account: {account}" if location.startswith("s3") else "",
            columns=columns,
        )
        self.root.mkdir(exist_ok=True)
        (self.root / "data").mkdir(exist_ok=True)
        (self.root / "reconcile.yaml").write_text(text + more)
        return self

    def put(self, name: str, ids: Iterable[str], country: str = "US") -> Path:
        """A data file of these prospects."""
        path = self.root / "data" / name
        with path.open("w", newline="") as file:
            csv.writer(file).writerows([("prospect_id", "country", "score"), *((each, country, "0.5") for each in ids)])
        return path

    def __call__(self, *arguments: str | Path, at: str | None = None, **options: Any) -> Call:
        """`reconcile …`, acting at a time of the simulated ledger."""
        return reconcile(self.root, *arguments, *(("--at", at) if at else ()), **options)

    def apply(self) -> Shop:
        """Applied, before the first slot."""
        found = self("apply", "--yes", at="2054-12-01T00:00Z")
        assert found.code == 0, found.said
        return self

    def night(self, day: int, *arguments: str, **options: Any) -> Call:
        """The due exports of a night in December."""
        return self("run", *arguments, at=f"2054-12-{day:02}T03:00Z", **options)

    def received(self) -> list[str]:
        """Every id in every visible file of the local destination, read by the csv module."""
        ids: list[str] = []
        for path in sorted((self.root / "out").rglob("part-*")):
            if not any(part.startswith(".") for part in path.relative_to(self.root).parts):
                raw = path.read_bytes()
                text = (gzip.decompress(raw) if path.suffix == ".gz" else raw).decode()
                ids += [row["prospect_id"] for row in csv.DictReader(text.splitlines())]
        return ids

    def document(self, prefix: str) -> Path:
        """The only document of a kind in the ledger's folder: `project`, `flows/`, `staged/`, …"""
        found = [
            path
            for path in (self.root / ".reconcile/ledger").rglob("*.json")
            if path.as_posix().find(f"/ledger/{prefix}") >= 0
        ]
        assert len(found) == 1, found
        return found[0]

    def head(self) -> Any:
        """The flow's head as the ledger has it."""
        return json.loads(self.document("flows/").read_bytes())
