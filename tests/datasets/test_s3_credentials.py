"""Reads that take longer than credentials live: every file, part and stretch of text is read with those of the moment.

The role is assumed for so short a time that credentials are due to be renewed at each look; a proxy refuses a
token that was used for a few requests. Nothing waits for a clock.
"""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from reconciler.accounts.aws import AwsSession
from reconciler.accounts.secrets import SecretSource
from reconciler.datasets.s3 import S3Files
from reconciler.export.budget import Budget
from reconciler.export.job import ExportJob
from reconciler.export.polars_engine import PolarsEngine
from reconciler.resources.accounts.aws import AwsAccountSpec
from reconciler.resources.dataset import DatasetSpec
from reconciler.resources.effective import ExportColumn
from reconciler.resources.formats import Files, JsonFormat
from reconciler.samples.files import write_csv, write_json, write_parquet
from reconciler.samples.generator import COLUMNS, FLAT_COLUMNS, prospects
from tests.export.support import FileSink, dataset, put
from tests.servers.faultproxy import Answer, FaultProxy, Request, Rule
from tests.servers.s3 import S3Server

SOON = datetime(2100, 1, 1, tzinfo=UTC)
ROLE = "arn:aws:iam::123456789012:role/lake"
USES = 6
"""Requests that a token is good for."""


@pytest.fixture
def short_lived(
    moto_server: S3Server, moto_proxy: FaultProxy, monkeypatch: pytest.MonkeyPatch
) -> tuple[AwsSession, Counter[str]]:
    """A session with a role, and how often each of its tokens was used."""
    used: Counter[str] = Counter()

    def worn_out(request: Request) -> bool:
        token = request.headers.get("x-amz-security-token", "")
        used[token] += 1
        return bool(token) and used[token] > USES

    moto_proxy.add(Rule(Answer(403, "ExpiredToken"), method="GET|HEAD", when=worn_out))
    monkeypatch.setattr("reconciler.accounts.aws._ROLE_SECONDS", 900)
    spec = AwsAccountSpec.model_validate(
        {
            "type": "aws",
            "region": moto_server.region,
            "endpoints": {"s3": moto_proxy.endpoint, "sts": moto_server.endpoint},
            "auth": {
                "accessKey": {"accessKeyId": {"fromEnv": "ID"}, "secretAccessKey": {"fromEnv": "KEY"}},
                "assumeRole": {"roleArn": ROLE},
            },
        }
    )
    return AwsSession(spec, SecretSource(Path("/"), {"ID": "base", "KEY": "base"})), used


def read(session: AwsSession, server: S3Server, folder: Path, spec: DatasetSpec, out: Path) -> int:
    """Uploads a folder and exports it; returns the rows."""
    bucket = server.create_bucket("lake")
    for path in folder.iterdir():
        server.client().upload_file(str(path), bucket, f"data/{path.name}")
    files = S3Files(bucket, "data", f"s3://{bucket}/data", spec.format, timedelta(0), session)
    pinned = files.listing(SOON).pin.files
    columns = tuple(ExportColumn(column=name, name=name, type=each.type) for name, each in spec.columns.items())
    job = ExportJob(
        dataset=spec, files=pinned, where=None, columns=columns, format=JsonFormat(type="json"), output=Files()
    )
    access = files.access()
    assert PolarsEngine().inspect(spec, access, pinned) > 0
    sinks = []

    def open_file(part: int) -> FileSink:
        sinks.append(FileSink(out / f"{part}"))
        return sinks[-1]

    result = PolarsEngine().export(job, access, open_file, lambda _: None, lambda: False)
    assert files.changed(pinned) == ()
    return result.matched


def test_many_parquet_files(
    short_lived: tuple[AwsSession, Counter[str]],
    moto_server: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Budget, "part", 1)
    for part in range(10):
        write_parquet(prospects(20, first=20 * part + 1), tmp_path / "data" / f"{part}.parquet")
    session, used = short_lived
    assert read(session, moto_server, tmp_path / "data", dataset(), tmp_path / "out") == 200
    assert len(used) > 10


def test_one_parquet_file_page_by_page(
    short_lived: tuple[AwsSession, Counter[str]],
    moto_server: S3Server,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Budget, "group", 1)
    put(tmp_path / "data", "a.parquet", id=pa.array(range(1_500_000)), other=pa.array(range(1_500_000)))
    session, used = short_lived
    spec = dataset("parquet", {"id": "long", "other": "long"})
    assert read(session, moto_server, tmp_path / "data", spec, tmp_path / "out") == 1_500_000
    assert len(used) > 5


@pytest.mark.parametrize("name", ["a.csv", "a.json", "a.json.gz"])
def test_one_long_text_file(
    name: str, short_lived: tuple[AwsSession, Counter[str]], moto_server: S3Server, tmp_path: Path
) -> None:
    form = name.split(".")[1]
    write = write_csv if form == "csv" else write_json
    write(prospects(60_000 if form == "csv" else 40_000), tmp_path / "data" / name)
    session, used = short_lived
    spec = dataset(form, FLAT_COLUMNS if form == "csv" else COLUMNS)
    rows = read(session, moto_server, tmp_path / "data", spec, tmp_path / "out")
    assert rows == (60_000 if form == "csv" else 40_000)
    assert len(used) > 2
