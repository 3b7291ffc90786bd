"""A project under strategy `diff`, and its recipients: each keeps what it was sent, as its manifests say.

Two destinations get one audience: `notes` is told who left in files of their own, `marks` by tombstones. People opt out by a list.
"""

from __future__ import annotations

import csv
import json
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

People = Mapping[str, tuple[str, str]]
"""Mail and country by id."""
SECRET, KEY = "CROWD_KEY", "correct horse battery staple"
APPLIED = "2054-12-01T00:00Z"
SLOTS = tuple(f"2054-12-{day:02d}T02:00Z" for day in range(1, 10))
FIRST: People = {str(each): (f"{each}@example.org", "US" if each % 3 else "DE") for each in range(1, 13)}
_LONG_AGO = 1_750_000_000

PROJECT = """\
apiVersion: reconciler/v1
kind: Project
metadata: {{name: crowd}}
spec: {{ledger: {{{ledger}, simulated: true}}, removals: {{maxShare: 100%}}}}
{account}---
apiVersion: reconciler/v1
kind: Destination
metadata: {{name: notes}}
spec: {{type: local, connection: {{path: out/notes}}, format: {{type: csv, compression: none}}, files: {{maxRows: 4}}}}
---
apiVersion: reconciler/v1
kind: Destination
metadata: {{name: marks}}
spec: {{type: local, connection: {{path: out/marks}}, format: {{type: json, compression: none}}}}
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {{name: people}}
spec:
  location: data
  format: csv
  columns: {{id: {{type: string}}, mail: {{type: string}}, country: {{type: string}}}}
  primaryKey: [id]
  minRows: 5
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {{name: opt-outs}}
spec: {{location: lists, format: csv, columns: {{id: {{type: string}}}}, minRows: 0, incremental: {{settle: 0s}}}}
---
apiVersion: reconciler/v1
kind: Suppression
metadata: {{name: opted-out}}
spec: {{dataset: opt-outs, match: [{{list: id, column: id}}], minRows: 0, notify: true}}
---
apiVersion: reconciler/v1
kind: Audience
metadata: {{name: {audience}{was}}}
spec: {{dataType: prospects, dataset: people, where: "{where}"}}
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
metadata: {{name: {to}}}
spec:
  destination: {to}
  schedule: nightly
  audiences: [{audience}]
  columns: [{{column: id, as: person}}, {mail}]
  incremental: {{strategy: diff, settle: {settle}, changes: {{removed: {removed}, operationColumn: op, secret: {{fromEnv: {secret}}}}}}}
  guards: {{export: {{maxRemoved: {limit}}}}}
  onRemove: {on_remove}
"""


@dataclass
class Crowd:
    """One project in a folder. What is set here is what `declare` writes."""

    root: Path
    ledger: str = 'url: "file://ledger"'
    account: str = ""
    where: str = "country = 'US'"
    mail: str = "mail"
    settle: str = "0s"
    limit: str = "100%"
    on_remove: str = "keep"
    audience: str = "us"
    was: str = ""
    flows: tuple[tuple[str, str], ...] = (("notes", "folder"), ("marks", "tombstone"))
    opted_out: set[str] = field(default_factory=set)

    def declare(self) -> None:
        """Writes the project."""
        self.root.mkdir(parents=True, exist_ok=True)
        text = PROJECT.format(
            ledger=self.ledger,
            account=self.account,
            where=self.where,
            audience=self.audience,
            was=f", renamedFrom: {self.was}" if self.was else "",
        )
        for to, removed in self.flows:
            text += ACTIVATION.format(
                to=to,
                removed=removed,
                mail=self.mail,
                settle=self.settle,
                limit=self.limit,
                on_remove=self.on_remove,
                secret=SECRET,
                audience=self.audience,
            )
        (self.root / "reconcile.yaml").write_text(text)

    def put(self, people: People, opted_out: Iterable[str] = ()) -> None:
        """All people there are, in two files written anew, and those who opted out."""
        rows = [(id_, *about) for id_, about in people.items()]
        for at, name in enumerate(("a.csv", "b.csv")):
            _write(self.root / "data" / name, ("id", "mail", "country"), rows[at::2])
        self.opted_out |= set(opted_out)
        _write(self.root / "lists" / "all.csv", ("id",), [(each,) for each in sorted(self.opted_out)])

    def expected(self, people: People) -> dict[str, str]:
        """Whom a recipient is to have: mail by id."""
        return {id_: mail for id_, (mail, country) in people.items() if country == "US" and id_ not in self.opted_out}

    def manifests(self, destination: str) -> list[dict[str, Any]]:
        """Of all exports, in the order of their folders, each with its folder."""
        found = sorted((self.root / "out" / destination).rglob("_manifest-*.json"), key=lambda path: path.parent.name)
        return [{**json.loads(path.read_text()), "folder": path.parent} for path in found]

    def received(self, destination: str) -> dict[str, str]:
        """What a recipient has who does with each export what its manifest and its rows say: mail by id."""
        have: dict[str, str] = {}
        for manifest in self.manifests(destination):
            if manifest["kind"] != "increment":
                have.clear()
            for row in self._rows(manifest, "files"):
                match row["op"]:
                    case "added":
                        assert row["person"] not in have, row
                        have[row["person"]] = row["mail"]
                    case "changed":
                        assert have[row["person"]] != row["mail"], row
                        have[row["person"]] = row["mail"]
                    case "removed":
                        assert not row["mail"], row
                        del have[row["person"]]
            for row in self._rows(manifest, "removedFiles"):
                assert set(row) == {"person", "reason"}
                del have[row["person"]]
        return have

    def reasons(self, destination: str) -> dict[str, str]:
        """Who was removed by the last export and why, where removals have files."""
        return {row["person"]: row["reason"] for row in self._rows(self.manifests(destination)[-1], "removedFiles")}

    def _rows(self, manifest: dict[str, Any], key: str) -> Iterable[dict[str, Any]]:
        for each in manifest.get(key, ()):
            with (manifest["folder"] / each["path"]).open(newline="") as file:
                if manifest["format"] == "csv":
                    yield from csv.DictReader(file)
                else:
                    yield from map(json.loads, file)


def _write(path: Path, header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    os.utime(path, (_LONG_AGO, _LONG_AGO))
