"""Where the fault tests run: a project of its own, its ledger and its destination in a folder or in a bucket.

A `Place` is plain data, so that the test, the driver and its children all mean the same project by it.
"""

from __future__ import annotations

import contextlib
import functools
import io
import os
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pysequoia

from reconciler.cli.main import run
from tests.faults.clouds import Cloud
from tests.servers.openssh import SshServer
from tests.servers.s3 import S3Server

Kind = Literal["local", "s3", "s3-ledger", "s3-destination", "sftp", "azure-blob", "adls-gen2", "gcs", "sqlar", "pgp"]
KEY_ID, SECRET_KEY = "FAULTS_KEY_ID", "FAULTS_SECRET_KEY"
DIFF_KEY = "FAULTS_DIFF_KEY"
APPLIED = "2054-12-01T00:00Z"
SLOTS = tuple(f"2054-12-{day:02d}T02:00Z" for day in range(1, 9))
FIRST = (("1", "US"), ("2", "DE"), ("3", "US"), ("4", "US"))
LONG_AGO = 1_750_000_000
"""The time of all data files, in seconds since 1970: before every slot, whatever the clock says."""
MEMORY = Path("/dev/shm")
"""Killing a process loses nothing that it wrote, on a disk or not: so places are in memory where that can be."""


@dataclass(frozen=True)
class Place:
    """`root`: the project's folder. `prefix`: of the bucket, for what is there; only those in S3 need server and bucket. `ssh`: the server
    of `sftp`, which shows the folder `out` there. `cloud`: the destination of a type that has neither. `pgp` is `local`, encrypted for
    `reader()`."""

    root: str
    kind: Kind = "local"
    bucket: str = ""
    prefix: str = ""
    server: S3Server | None = None
    ssh: SshServer | None = None
    cloud: Cloud | None = None

    @property
    def ledger_in_s3(self) -> bool:
        return self.kind in ("s3", "s3-ledger")

    @property
    def destination_in_s3(self) -> bool:
        return self.kind in ("s3", "s3-destination")

    @property
    def project(self) -> Path:
        """What declares everything."""
        return Path(self.root, "reconcile.yaml")


@dataclass(frozen=True)
class Called:
    """How a call of the command line ended."""

    code: int
    text: str


def call(place: Place, *arguments: str) -> Called:
    """`reconcile -C place …` in this process."""
    text = io.StringIO()
    with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
        code = run(["-C", place.root, *arguments])
    return Called(code, text.getvalue())


def done(place: Place, *arguments: str) -> str:
    """`call`, where nothing may go wrong."""
    called = call(place, *arguments)
    assert called.code == 0, (arguments, called)
    return called.text


def put(place: Place, name: str, rows: Iterable[tuple[str, str]]) -> None:
    """A data file of (prospect_id, country)."""
    path = Path(place.root) / "data" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{prospect},{country}\n" for prospect, country in [("prospect_id", "country"), *rows]))
    os.utime(path, (LONG_AGO, LONG_AGO))


def environment(place: Place) -> dict[str, str]:
    """What the project's accounts refer to."""
    found = {DIFF_KEY: "correct horse battery staple", **(place.cloud.secrets if place.cloud else {})}
    if place.server is not None:
        found |= {KEY_ID: place.server.access_key, SECRET_KEY: place.server.secret_key}
    return found


@dataclass(frozen=True)
class Declared:
    """What a project says. `flow`: whether the audience is activated; `was`: the former names of audience and destination. `diff`:
    whether exports tell who left, in files of their own. `files`: how the flow's are named and kept. `project`: whose it is; `says`: of
    its destination, to another project."""

    audience: str = "us"
    destination: str = "box"
    where: str = "country = 'US'"
    flow: bool = True
    on_remove: str = "keep"
    audience_was: str = ""
    destination_was: str = ""
    diff: bool = False
    mode: str = "incremental"
    files: str = "{}"
    project: str = "shop"
    says: str = ""


def declare(place: Place, declared: Declared = Declared()) -> None:
    """Writes the project."""
    account = cloud_account(place)
    if place.ssh is not None:
        account = _PARTNER.format(spec=f'{{type: sftp, user: {place.ssh.user}, key: {{fromFile: "{place.ssh.key}"}}}}')
    if place.cloud is not None and place.cloud.account:
        account = _PARTNER.format(spec=place.cloud.account)
    text = _PROJECT.format(
        ledger=ledger(place),
        account=account,
        connection=_connection(place),
        destination=declared.destination,
        destination_was=_was(declared.destination_was) + (f", {declared.says}" if declared.says else ""),
        project=declared.project,
        root=place.root,
        key="[prospect_id]" if declared.diff else "[]",
        incremental=_DIFF if declared.diff else "{strategy: files, settle: 0s}",
    )
    text += _AUDIENCE.format(audience=declared.audience, audience_was=_was(declared.audience_was), where=declared.where)
    if declared.flow:
        text += _ACTIVATION.format(
            destination=declared.destination,
            audience=declared.audience,
            on_remove=declared.on_remove,
            mode=declared.mode,
            files=declared.files,
        )
    Path(place.root).mkdir(parents=True, exist_ok=True)
    if place.kind == "pgp":
        Path(place.root, "reader.asc").write_text(str(reader().extract_certificate()))
    place.project.write_text(text)


def declare_more(place: Place, more: Mapping[str, str]) -> None:
    """Further audiences of the same dataset, name to filter, activated as the first one is."""
    with place.project.open("a") as file:
        for name, where in more.items():
            file.write(_AUDIENCE.format(audience=name, audience_was="", where=where))
            activation = _ACTIVATION.format(
                destination="box", audience=name, on_remove="keep", mode="incremental", files="{}"
            )
            file.write(activation.replace("name: nightly", f"name: nightly-{name}", 1))


def furnished(place: Place) -> Place:
    """The place with a project and data, nothing applied."""
    declare(place)
    put(place, "a.csv", FIRST)
    return place


def applied(place: Place) -> Place:
    """The place with its flow applied, nothing exported."""
    done(furnished(place), "apply", "--yes", "--at", APPLIED)
    return place


def cloud_account(place: Place) -> str:
    """The document of what reaches the server, for places that have one."""
    if place.server is None:
        return ""
    keys = f"accessKeyId: {{fromEnv: {KEY_ID}}}, secretAccessKey: {{fromEnv: {SECRET_KEY}}}"
    return _ACCOUNT.format(region=place.server.region, endpoint=place.server.endpoint, keys=keys)


def ledger(place: Place) -> str:
    """Where the ledger is, as a project says it."""
    if place.ledger_in_s3:
        return f'url: "s3://{place.bucket}/{place.prefix}/ledger", account: cloud'
    return 'url: "file://ledger"'


@functools.cache
def reader() -> pysequoia.Tsk:
    """Who gets encrypted files."""
    return pysequoia.Tsk.generate("reader <reader@example.org>")


def _connection(place: Place) -> str:
    if place.ssh is not None:
        port, pin = place.ssh.port, place.ssh.host_key
        server = f'host: 127.0.0.1, port: {port}, path: "{place.root}/out", hostKeys: ["{pin}"]'
        return f"type: sftp, account: partner, connection: {{{server}}}"
    if place.cloud is not None:
        account = "account: partner, " if place.cloud.account else ""
        return f"type: {place.cloud.type}, {account}connection: {place.cloud.connection}"
    if place.kind == "pgp":
        return f"type: local, connection: {{path: '{place.root}/out'}}, encryption: {{type: pgp, recipients: [{{fromFile: reader.asc}}]}}"
    if place.destination_in_s3:
        return f'type: s3, account: cloud, connection: {{bucket: {place.bucket}, path: "{place.prefix}/out"}}'
    return f"type: local, connection: {{path: '{place.root}/out'}}"


def _was(name: str) -> str:
    return f", renamedFrom: {name}" if name else ""


_PROJECT = """\
apiVersion: reconciler/v1
kind: Project
metadata: {{name: {project}}}
spec: {{ledger: {{{ledger}, simulated: true}}, removals: {{maxShare: 100%}}}}
{account}---
apiVersion: reconciler/v1
kind: Destination
metadata: {{name: {destination}{destination_was}}}
spec: {{{connection}, format: {{type: csv, compression: none}}, files: {{maxRows: 2}}}}
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {{name: people}}
spec:
  location: {root}/data
  format: csv
  columns: {{prospect_id: {{type: string}}, country: {{type: string}}}}
  primaryKey: {key}
  incremental: {incremental}
---
apiVersion: reconciler/v1
kind: Schedule
metadata: {{name: nightly}}
spec: {{frequency: daily, time: "02:00"}}
"""
_TOLD = f"{{removed: folder, operationColumn: op, secret: {{fromEnv: {DIFF_KEY}}}}}"
_DIFF = f"{{strategy: diff, settle: 0s, changes: {_TOLD}}}"
_AUDIENCE = """\
---
apiVersion: reconciler/v1
kind: Audience
metadata: {{name: {audience}{audience_was}}}
spec: {{dataType: prospects, dataset: people, where: "{where}"}}
"""
_ACTIVATION = """\
---
apiVersion: reconciler/v1
kind: Activation
metadata: {{name: nightly}}
spec:
  destination: {destination}
  schedule: nightly
  audiences: [{audience}]
  mode: {mode}
  files: {files}
  backfill: full
  columns: [{{column: prospect_id, as: id}}]
  onRemove: {on_remove}
"""
_PARTNER = """\
---
apiVersion: reconciler/v1
kind: Account
metadata: {{name: partner}}
spec: {spec}
"""
_ACCOUNT = """\
---
apiVersion: reconciler/v1
kind: Account
metadata: {{name: cloud}}
spec:
  type: aws
  region: {region}
  endpoints: {{s3: "{endpoint}"}}
  auth: {{accessKey: {{{keys}}}}}
"""
