"""A project with one destination in a cloud, through the command line from validation to purge."""

from __future__ import annotations

from pathlib import Path

from tests.cli.support import Reconcile

PROJECT = """\
apiVersion: reconciler/v1
kind: Project
metadata: {{name: shop}}
spec: {{ledger: {{url: "file://ledger", simulated: true}}, removals: {{maxShare: 100%}}}}
---
apiVersion: reconciler/v1
kind: Account
metadata: {{name: cloud}}
spec: {account}
---
apiVersion: reconciler/v1
kind: Destination
metadata: {{name: box}}
spec: {{type: {type}, account: cloud, connection: {connection}, format: {{type: csv, compression: none}}, files: {{maxRows: 2}}}}
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {{name: people}}
spec:
  location: data
  format: csv
  columns: {{prospect_id: {{type: string}}, country: {{type: string}}}}
  incremental: {{strategy: files, settle: 0s}}
---
apiVersion: reconciler/v1
kind: Audience
metadata: {{name: us}}
spec: {{dataType: prospects, dataset: people, where: "country = 'US'"}}
---
apiVersion: reconciler/v1
kind: Schedule
metadata: {{name: nightly}}
spec: {{frequency: daily, time: "02:00"}}
"""
ACTIVATION = """\
---
apiVersion: reconciler/v1
kind: Activation
metadata: {name: nightly}
spec: {destination: box, schedule: nightly, audiences: [us], backfill: full, onRemove: purge}
"""


class Shop:
    """The project in a folder. `account`, `connection`: as they stand in YAML."""

    def __init__(self, folder: Path, reconcile: Reconcile, *, type: str, account: str, connection: str) -> None:
        self.folder, self._reconcile = folder, reconcile
        self._text = PROJECT.format(type=type, account=account, connection=connection)
        self.declare(flow=True)
        (folder / "data").mkdir()
        (folder / "data" / "a.csv").write_text("prospect_id,country\n1,US\n2,DE\n3,US\n4,US\n")

    @property
    def text(self) -> str:
        """The project as it stands in its file."""
        return (self.folder / "reconcile.yaml").read_text()

    def change(self, old: str, new: str) -> None:
        """Replaces a text that is there."""
        assert old in self.text, old
        (self.folder / "reconcile.yaml").write_text(self.text.replace(old, new))

    def add(self, document: str) -> None:
        """Declares something more."""
        (self.folder / "reconcile.yaml").write_text(f"{self.text}---\n{document}")

    def declare(self, *, flow: bool) -> None:
        (self.folder / "reconcile.yaml").write_text(self._text + (ACTIVATION if flow else ""))

    def call(self, *arguments: str, code: int = 0) -> str:
        found = self._reconcile("-C", self.folder, *arguments)
        assert found.code == code, found.out + found.err
        return found.out + found.err

    def live(self) -> None:
        """Everything up to the purge; three people are exported into two files."""
        self.call("validate")
        self.call("apply", "--yes", "--at", "2054-12-01T00:00Z")
        assert "3 rows" in self.call("run", "--at", "2054-12-02T02:00Z")
        assert "Nothing due" in self.call("run", "--at", "2054-12-02T02:00Z")
        self.call("verify")

    def purge(self) -> None:
        """Takes the flow away."""
        self.declare(flow=False)
        out = self.call("apply", "--yes", "--allow-removals", "all", "--at", "2054-12-02T03:00Z")
        assert "files purged" in out, out
