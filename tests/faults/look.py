"""What is really there: read by os, boto3, json, csv and SQLite, with nothing of ours in between."""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import json
import os
import re
import sqlite3
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pysequoia

from tests.faults.place import Place, reader
from tests.servers.s3 import S3Server

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

RUN_ID = re.compile(r"r[0-9a-z]{16}")
MARKER = ".reconciler-owner.json"
_bodies: dict[tuple[str, str, str], bytes] = {}


@dataclass(frozen=True)
class Seen:
    """`files`: what a reader of the destination sees, by name. `hidden`: whatever else is there: staged, uploads, probes."""

    files: dict[str, bytes]
    hidden: list[str]

    @property
    def manifests(self) -> dict[str, Any]:
        """By name, parsed."""
        return {name: json.loads(body) for name, body in self.files.items() if "/_manifest-" in name}

    @property
    def parts(self) -> list[str]:
        return sorted(name for name in self.files if "/_manifest-" not in name)


def destination(place: Place) -> Seen:
    """All of the destination's place."""
    if place.cloud is not None:
        hidden = place.cloud.bench.leftovers()
        files = place.cloud.bench.visible()
    elif place.destination_in_s3:
        files = _objects(place, "out")
        hidden = _uploads(place, "out")
    else:
        files, hidden = _folder(Path(place.root) / "out"), []
    reserved = {name for name in files if any(part.startswith(".") for part in name.split("/"))}
    hidden += sorted(name for name in reserved if os.path.basename(name) != MARKER and name not in hidden)
    return Seen({name: body for name, body in files.items() if name not in reserved}, hidden)


def ledger(place: Place) -> dict[str, Any]:
    """Every document of the ledger, by key."""
    files = _objects(place, "ledger") if place.ledger_in_s3 else _folder(Path(place.root) / "ledger")
    return {
        name.removesuffix(".json"): json.loads(body)
        for name, body in files.items()
        if body and name.endswith(".json") and not name.startswith(".") and "/." not in name
    }


def occupy(place: Place, name: str) -> None:
    """Something else takes a name at the destination."""
    body = b'{"files": []}'
    if place.cloud is not None:
        place.cloud.bench.put(name, body)
        return
    if place.destination_in_s3:
        _client(place).put_object(Bucket=place.bucket, Key=f"{place.prefix}/out/{name}", Body=body)
        return
    path = Path(place.root, "out", name)
    made = [each for each in (path, *path.parents) if not each.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
    for each in made if place.ssh is not None else ():
        place.ssh.own(each)


def heads(documents: dict[str, Any]) -> dict[str, Any]:
    """Heads by flow id, tombstones too."""
    return {key.removeprefix("flows/"): each for key, each in documents.items() if key.startswith("flows/")}


def decided(documents: dict[str, Any]) -> set[str]:
    """Ids of all runs that were decided: recorded ones, and those being published."""
    found = {each["runId"] for key, each in documents.items() if key.startswith("runs/")}
    for head in heads(documents).values():
        run = head.get("open")
        if run and run["phase"] == "publishing":
            found.add(run["runId"])
    return found


def run_of(name: str) -> str:
    """The run that a file is of."""
    (found,) = set(RUN_ID.findall(name))
    return str(found)


def strangers(seen: Seen, documents: dict[str, Any]) -> set[str]:
    """Files of no decided run. A name that is the same for all runs tells none: what it holds does."""
    runs = decided(documents)
    contents = {
        (each.get("name") or each["path"], each["sha256"])
        for key, document in documents.items()
        if key.startswith(("runs/", "staged/")) and document["runId"] in runs
        for each in document["files"]
    }

    def strange(name: str, body: bytes) -> bool:
        ids = set(RUN_ID.findall(name))
        return not ids <= runs if ids else (name, hashlib.sha256(body).hexdigest()) not in contents

    return {name for name, body in seen.files.items() if strange(name, body)}


def check_instant(place: Place, where: object) -> None:
    """What must hold at every instant: no file of an undecided run, no manifest whose files aren't there, as it says.

    Looking takes its time, and others go on meanwhile. So what seems wrong is looked at again: what is decided stays
    decided, a file that a manifest lists comes before it and goes after it, and a manifest goes before what it lists gives way.
    """
    seen = destination(place)
    found = strangers(seen, ledger(place))
    if found:
        found &= strangers(seen, ledger(place))
    assert found == set(), (where, "of undecided runs", found)
    torn = [name for name, missing in _missing(seen).items() if missing]
    if torn:
        again = destination(place)
        torn = [name for name, missing in _missing(again).items() if missing and name in torn]
        if torn:
            last = destination(place).files
            torn = [name for name in torn if name in last]
    assert torn == [], (where, "manifests whose files aren't there", torn)


def _missing(seen: Seen) -> dict[str, list[str]]:
    """What manifests list and isn't there so."""
    return {
        name: [
            each["path"]
            for each in _listed(manifest)
            if not _there(seen, f"{name.rpartition('/')[0]}/{each['path']}", each)
        ]
        for name, manifest in seen.manifests.items()
    }


def _there(seen: Seen, path: str, listed: dict[str, Any]) -> bool:
    body = seen.files.get(path)
    return body is not None and hashlib.sha256(body).hexdigest() == listed["sha256"]


def _listed(manifest: dict[str, Any]) -> list[dict[str, Any]]:
    return [*manifest["files"], *manifest.get("removedFiles", ())]


def check_manifest(seen: Seen, name: str, manifest: dict[str, Any], where: object) -> list[str]:
    """The files that a manifest lists, which must be there, whole."""
    folder = name.rpartition("/")[0]
    listed = []
    for each in _listed(manifest):
        path = f"{folder}/{each['path']}"
        body = seen.files.get(path)
        assert body is not None, (where, name, "lists what isn't there", path)
        assert (len(body), hashlib.sha256(body).hexdigest()) == (each["size"], each["sha256"]), (where, path)
        listed.append(path)
    return listed


def check_settled(place: Place, where: object) -> None:
    """Nothing half done and nothing left over, anywhere; every file of every recorded run under one manifest."""
    seen, documents = destination(place), ledger(place)
    assert seen.hidden == [], (where, "left over at the destination", seen.hidden)
    left = [key for key in documents if key.startswith(("staged/", "probe/"))]
    assert left == [], (where, "left over in the ledger", left)
    for flow, head in heads(documents).items():
        assert head.get("open") is None, (where, flow, head["open"])
        assert head["abandoned"] == [], (where, flow)
        assert not head.get("purge"), (where, flow, "a purge is still owed")
    listed = [path for name, each in seen.manifests.items() for path in check_manifest(seen, name, each, where)]
    assert sorted(listed) == seen.parts, (where, "files and what manifests list")
    runs = Counter(each["runId"] for key, each in documents.items() if key.startswith("runs/"))
    assert set(runs.values()) <= {1}, (where, runs)
    shown = {run_of(name) for name in seen.manifests}
    assert len(shown) == len(seen.manifests), (where, "two manifests of one run")
    assert shown <= set(runs), (where, "shown and not recorded", shown - set(runs))


def received(place: Place) -> Counter[str]:
    """How often each id is in all files together."""
    seen = destination(place)
    return Counter(row["id"] for name in seen.parts for row in _rows(_plain(name, seen.files[name]).decode()))


def _rows(text: str) -> Iterator[dict[str, str]]:
    """Of a CSV file, by its header."""
    return csv.DictReader(io.StringIO(text, newline=""), strict=True)


def _plain(name: str, body: bytes) -> bytes:
    """As the recipient reads it."""
    if not name.endswith(".pgp"):
        return body
    found = pysequoia.decrypt(body, decryptor=reader().decryptor()).bytes
    assert found is not None
    return found


def told(place: Place) -> Counter[str]:
    """Whom a recipient has who does what each export says, in the order of their slots: each once, or who was told twice or gone twice
    shows as such."""
    have: Counter[str] = Counter()
    seen = destination(place)
    for name, manifest in sorted(seen.manifests.items(), key=lambda each: each[1]["slot"]):
        folder = name.rpartition("/")[0]
        if manifest["kind"] in ("full", "rebuild"):
            have.clear()
        for each in _listed(manifest):
            for row in _rows(seen.files[f"{folder}/{each['path']}"].decode()):
                have[row["id"]] += {"added": 1, "changed": 0}.get(row.get("op", ""), -1)
    return Counter({id_: times for id_, times in have.items() if times})


def snapshots(place: Place) -> set[str]:
    """The runs whose snapshots the ledger keeps."""
    files = _objects(place, "ledger") if place.ledger_in_s3 else _folder(Path(place.root) / "ledger")
    return {run_of(name) for name in files if name.startswith("snapshots/")}


def matching(place: Place, where: str = "country = 'US'", files: str = "*.csv") -> Counter[str]:
    """What the data files together hold, by SQLite alone."""
    found = [row for path in (Path(place.root) / "data").glob(files) for row in _rows(path.read_text())]
    assert found
    with closing(sqlite3.connect(":memory:")) as data:
        data.execute("CREATE TABLE people (prospect_id TEXT, country TEXT)")
        data.executemany("INSERT INTO people VALUES (:prospect_id, :country)", found)
        return Counter(row[0] for row in data.execute(f"SELECT prospect_id FROM people WHERE {where}"))


def pinned(place: Place, flow: str) -> set[str]:
    """The data files that a flow's cursor stands on."""
    documents = ledger(place)
    cursor = heads(documents)[flow].get("cursor")
    if cursor is None:
        return set()
    return {os.path.basename(each["path"]) for each in documents[f"pins/{cursor['pin']}"]["pin"]["files"]}


def data_files(place: Place) -> set[str]:
    """The names of all data files."""
    return set(os.listdir(Path(place.root) / "data"))


@functools.cache
def _client_of(server: S3Server) -> S3Client:
    return server.client()


def _client(place: Place) -> S3Client:
    assert place.server is not None
    return _client_of(place.server)


def _folder(root: Path) -> dict[str, bytes]:
    """Files of a folder; one that goes while this looks counts as gone."""
    found = {}
    for folder, _, names in os.walk(root):
        for name in names:
            path = Path(folder, name)
            try:
                found[path.relative_to(root).as_posix()] = path.read_bytes()
            except FileNotFoundError:
                continue
    return found


def _objects(place: Place, part: str) -> dict[str, bytes]:
    client = _client(place)
    prefix = f"{place.prefix}/{part}/"
    found = {}
    for page in client.get_paginator("list_objects_v2").paginate(Bucket=place.bucket, Prefix=prefix):
        for item in page.get("Contents", ()):
            known = (place.bucket, item["Key"], item["ETag"])
            if known not in _bodies:
                try:
                    answer = client.get_object(Bucket=place.bucket, Key=item["Key"], IfMatch=item["ETag"])
                except client.exceptions.ClientError as error:
                    if error.response["ResponseMetadata"]["HTTPStatusCode"] in (404, 412):
                        continue  # gone, or another by now
                    raise
                _bodies[known] = answer["Body"].read()
            found[item["Key"].removeprefix(prefix)] = _bodies[known]
    return found


def _uploads(place: Place, part: str) -> list[str]:
    prefix = f"{place.prefix}/{part}/"
    answer = _client(place).list_multipart_uploads(Bucket=place.bucket, Prefix=prefix)
    return [each["Key"] for each in answer.get("Uploads", ())]
