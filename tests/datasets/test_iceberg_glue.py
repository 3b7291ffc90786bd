"""Apache Iceberg tables that AWS Glue knows, whose current metadata file stands in the catalogue alone."""

from __future__ import annotations

from pathlib import Path

import boto3
import pytest
from pyiceberg.catalog.glue import GlueCatalog

from reconciler.datasets.base import Files
from reconciler.datasets.open import open_dataset
from reconciler.errors import SourceError
from reconciler.resources.dataset import DatasetSpec
from tests.config.support import codes, loaded
from tests.datasets.lakes import NOW, Lake, history, ids, read, s3_options, spec
from tests.datasets.test_s3_files import session
from tests.servers.s3 import S3Server


def known(table: str) -> DatasetSpec:
    """A dataset that Glue knows by this name."""
    found = spec("iceberg", "t", account="lake").to_json()
    return DatasetSpec.model_validate({**found, "location": {"catalog": "glue", "table": table}})


def opened(server: S3Server, table: str, root: Path) -> Files:
    return open_dataset(known(table), root=root, session=lambda: session(server))


def test_a_table_that_glue_knows(
    seaweed_server: S3Server, moto_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", moto_server.endpoint)
    bucket = seaweed_server.create_bucket("glue")
    keys = {"access-key-id": moto_server.access_key, "secret-access-key": moto_server.secret_key}
    about = {f"glue.{name}": value for name, value in keys.items()}
    catalog = GlueCatalog(
        "g",
        **about,
        **{"glue.endpoint": moto_server.endpoint, "glue.region": seaweed_server.region, "warehouse": f"s3://{bucket}"},
        **s3_options(seaweed_server),
    )
    lake = Lake(catalog, lambda name, content: None)
    lake.append("ab")
    files = opened(seaweed_server, "crm.people", tmp_path)
    first = files.listing(NOW).pin
    assert first.location == "glue:crm.people"
    lake.append("c")
    lake.compact()
    assert first.table is not None
    assert ids(read(files, history(files).added(first.table), tmp_path / "a")) == "c"
    fresh = opened(seaweed_server, "crm.people", tmp_path)
    assert sorted(ids(read(fresh, fresh.listing(NOW).pin.files, tmp_path / "b"))) == list("abc")
    assert fresh.changed(first.files) == ()

    client = boto3.client(
        "glue", region_name=seaweed_server.region, aws_access_key_id="any", aws_secret_access_key="any"
    )
    client.create_table(DatabaseName="crm", TableInput={"Name": "plain", "Parameters": {"classification": "parquet"}})
    for table, code in ("crm.nobody", "F101"), ("nowhere.people", "F101"), ("crm.plain", "F131"):
        with pytest.raises(SourceError) as error:
            opened(seaweed_server, table, tmp_path).listing(NOW)
        assert error.value.code == code
    monkeypatch.setenv("AWS_ENDPOINT_URL_GLUE", "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(SourceError, match="Glue") as error:
        opened(seaweed_server, "crm.people", tmp_path).listing(NOW)
    assert error.value.code == "F104"


DATASET = """
apiVersion: reconciler/v1
kind: Dataset
metadata: {name: people}
spec:
  location: {catalog: glue, table: crm.people}
  format: iceberg
  account: lake
  columns: {id: {type: string}}
---
apiVersion: reconciler/v1
kind: Account
metadata: {name: lake}
spec: {type: aws, auth: {ambient: {}}}
"""


@pytest.mark.parametrize(
    ("before", "after", "code"),
    [
        ("", "", None),
        ("format: iceberg", "format: delta", "C109"),
        ("  account: lake\n", "", "R120"),
        ("crm.people", "people", "C"),
        ("catalog: glue", "catalog: hive", "C"),
        ("table: crm.people", "table: crm.people, region: x", "C"),
    ],
)
def test_what_may_be_declared(tmp_path: Path, before: str, after: str, code: str | None) -> None:
    found = loaded(tmp_path / "p", DATASET.replace(before, after) if before else DATASET)
    assert [each[: len(code or "")] for each in codes(found.diagnostics)] == ([code] if code else [])
