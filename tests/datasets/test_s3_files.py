"""Datasets in S3, against real servers: listed, pinned, read by the engine, refused with the reason."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from reconciler.accounts.aws import AwsSession
from reconciler.accounts.secrets import SecretSource
from reconciler.datasets.s3 import S3Files
from reconciler.errors import SourceError
from reconciler.export.job import ExportJob
from reconciler.export.polars_engine import PolarsEngine
from reconciler.resources.accounts.aws import AwsAccountSpec
from reconciler.resources.effective import ExportColumn
from reconciler.resources.formats import Files, ParquetFormat
from reconciler.samples.files import write_csv, write_json, write_parquet
from reconciler.samples.generator import COLUMNS, FLAT_COLUMNS, prospects
from tests.export.support import FileSink, dataset
from tests.servers.faultproxy import Answer, FaultProxy, Request, Rule
from tests.servers.s3 import S3Server

ROWS = list(prospects(300, seed=5))
SOON = datetime(2100, 1, 1, tzinfo=UTC)
WRITERS = {"parquet": write_parquet, "csv": write_csv, "json": write_json}


@pytest.fixture(scope="module")
def bucket(seaweed_server: S3Server) -> str:
    return seaweed_server.create_bucket("lake")


def session(server: S3Server, secret: str | None = None) -> AwsSession:
    spec = AwsAccountSpec.model_validate(
        {
            "type": "aws",
            "region": server.region,
            "endpoints": {"s3": server.endpoint},
            "auth": {"accessKey": {"accessKeyId": {"fromEnv": "ID"}, "secretAccessKey": {"fromEnv": "KEY"}}},
        }
    )
    return AwsSession(spec, SecretSource(Path("/"), {"ID": server.access_key, "KEY": secret or server.secret_key}))


def files(
    server: S3Server, bucket: str, prefix: str, format: str = "parquet", settle: timedelta = timedelta(0)
) -> S3Files:
    return S3Files(bucket, prefix, f"s3://{bucket}/{prefix}", format, settle, session(server))  # type: ignore[arg-type]


def put(server: S3Server, bucket: str, keys: list[str], body: bytes = b"x") -> None:
    for key in keys:
        server.client().put_object(Bucket=bucket, Key=key, Body=body)


def test_listing(seaweed_server: S3Server, bucket: str) -> None:
    names = ["b.parquet", "a.parquet", "day=1/x y+%.parquet", "_SUCCESS", "day=1/_tmp/c.parquet", ".hidden.parquet"]
    put(seaweed_server, bucket, [f"list/{name}" for name in names] + ["list-other/z.parquet"])
    for prefix in ("list", "list/"):
        opened = files(seaweed_server, bucket, prefix)
        listing = opened.listing(SOON)
        assert [file.path for file in listing.pin.files] == ["a.parquet", "b.parquet", "day=1/x y+%.parquet"]
        assert {file.size for file in listing.pin.files} == {1}
        assert abs(listing.modified["a.parquet"] - datetime.now(UTC)) < timedelta(minutes=2)
        assert opened.changed(listing.pin.files) == ()
    waiting = files(seaweed_server, bucket, "list", settle=timedelta(hours=1)).listing(datetime.now(UTC))
    assert waiting.pin.files == ()
    assert waiting.unsettled == ("a.parquet", "b.parquet", "day=1/x y+%.parquet")


@pytest.mark.parametrize("looked_up", [200, 0])
def test_changed(seaweed_server: S3Server, bucket: str, looked_up: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.datasets.s3._LOOKED_UP", looked_up)
    prefix = f"changed{looked_up}"
    put(seaweed_server, bucket, [f"{prefix}/{name}.parquet" for name in "abc"])
    opened = files(seaweed_server, bucket, prefix)
    pinned = opened.listing(SOON).pin.files
    put(seaweed_server, bucket, [f"{prefix}/b.parquet"], b"y")
    seaweed_server.client().delete_object(Bucket=bucket, Key=f"{prefix}/c.parquet")
    assert opened.changed(pinned) == ("b.parquet", "c.parquet")


def test_one_object_is_a_location_too(seaweed_server: S3Server, bucket: str) -> None:
    put(seaweed_server, bucket, ["one/all.parquet"])
    opened = files(seaweed_server, bucket, "one/all.parquet")
    (pinned,) = opened.listing(SOON).pin.files
    assert pinned.path == ""
    assert opened.access().uri("") == f"s3://{bucket}/one/all.parquet"
    assert opened.changed([pinned]) == ()
    put(seaweed_server, bucket, ["one/all.parquet"], b"other")
    assert opened.changed([pinned]) == ("one/all.parquet",)


@pytest.mark.parametrize(("prefix", "code"), [("nowhere", "F101"), ("nowhere/", "F101"), ("odd", "F102")])
def test_refused(seaweed_server: S3Server, bucket: str, prefix: str, code: str) -> None:
    put(seaweed_server, bucket, ["odd/notes.txt"])
    with pytest.raises(SourceError) as caught:
        files(seaweed_server, bucket, prefix).listing(SOON)
    assert caught.value.code == code


def test_no_bucket_and_wrong_keys(seaweed_server: S3Server, bucket: str) -> None:
    with pytest.raises(SourceError) as missing:
        files(seaweed_server, "no-such-bucket-here", "x/").listing(SOON)
    assert missing.value.code == "F101"
    with pytest.raises(SourceError) as wrong:
        S3Files(bucket, "x/", "s3://b/x", "parquet", timedelta(0), session(seaweed_server, "wrong" * 8)).listing(SOON)
    assert wrong.value.code == "F104"
    assert "SignatureDoesNotMatch" in wrong.value.detail
    assert "wrongwrong" not in str(wrong.value)


@pytest.mark.parametrize("format", ["parquet", "csv", "json"])
def test_the_engine_reads_from_s3(seaweed_server: S3Server, bucket: str, tmp_path: Path, format: str) -> None:
    ends = {"parquet": "parquet", "csv": "csv.gz", "json": "json"}
    for part, folder in enumerate(("day=1", "day=2 %2F+é")):
        local = tmp_path / f"{part}.{ends[format]}"
        WRITERS[format](ROWS[part * 150 : part * 150 + 150], local)
        seaweed_server.client().put_object(
            Bucket=bucket, Key=f"{format}/{folder}/a.{ends[format]}", Body=local.read_bytes()
        )
    opened = files(seaweed_server, bucket, format, format)
    kinds = COLUMNS if format != "csv" else FLAT_COLUMNS
    spec = dataset(format, {**kinds, "day": "string"})
    pinned = opened.listing(SOON).pin.files
    engine = PolarsEngine()
    assert engine.inspect(spec, opened.access(), pinned) == 300
    columns = tuple(
        ExportColumn(column=name, name=name, type=kind) for name, kind in {**kinds, "day": "string"}.items()
    )
    job = ExportJob(
        dataset=spec, files=pinned, where=None, columns=columns, format=ParquetFormat(type="parquet"), output=Files()
    )
    engine.export(job, opened.access(), lambda _: FileSink(tmp_path / "out.parquet"), lambda _: None, lambda: False)
    expected = [
        {**{name: row[name] for name in kinds}, "day": "1" if at < 150 else "2 /+é"} for at, row in enumerate(ROWS)
    ]
    assert pq.read_table(tmp_path / "out.parquet").to_pylist() == expected
    seaweed_server.client().delete_object(Bucket=bucket, Key=f"{format}/day=1/a.{ends[format]}")
    with pytest.raises(SourceError) as gone:
        engine.inspect(spec, opened.access(), pinned)
    assert gone.value.code == "F116"


@pytest.mark.parametrize("status", [403, 500])
def test_a_store_that_fails_the_engine_is_not_taken_for_a_torn_file(
    seaweed_server: S3Server, bucket: str, seaweed_proxy: FaultProxy, tmp_path: Path, status: int
) -> None:
    """Footers are read by Arrow, rows by Polars: only the latter is refused."""
    write_parquet(ROWS, tmp_path / "a.parquet")
    put(seaweed_server, bucket, [f"refused{status}/a.parquet"], (tmp_path / "a.parquet").read_bytes())
    opened = files(seaweed_server.at(seaweed_proxy.endpoint), bucket, f"refused{status}")
    pinned = opened.listing(SOON).pin.files
    agents: set[str] = set()

    def is_polars(request: Request) -> bool:
        agent = request.headers.get("user-agent", "")
        agents.add(agent)
        return not agent.startswith(("Boto3", "aws-sdk-cpp"))

    seaweed_proxy.add(Rule(Answer(status, "AccessDenied" if status == 403 else "InternalError"), when=is_polars))
    with pytest.raises(SourceError) as caught:
        PolarsEngine().count(dataset(), opened.access(), pinned, "country = 'US'")
    assert caught.value.code == "F104", agents
