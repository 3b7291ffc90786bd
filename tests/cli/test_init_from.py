"""`init --from`: a project over data that is there, which then does what it says."""

from __future__ import annotations

import csv
import gzip
import io
import json
from pathlib import Path

import pyarrow as pa
import pytest
from ruamel.yaml import YAML

from reconciler.config.load import load
from reconciler.samples.files import write_csv, write_json, write_parquet
from reconciler.samples.generator import COLUMNS, prospects
from tests.cli.support import Outcome, Reconcile, in_a_process
from tests.export.support import put
from tests.servers.s3 import S3Server

WRITERS = {"parquet": write_parquet, "csv": write_csv, "json": write_json}


def is_formatted(path: Path) -> bool:
    """Whether a writer that keeps comments, with our settings, leaves the file as it is."""
    yaml = YAML()
    yaml.width = 4096
    yaml.preserve_quotes = True
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(yaml.load(path.read_text("utf-8")), text)
    return text.getvalue() == path.read_text("utf-8")


def says_next(found: Outcome) -> bool:
    return found.out.rstrip().splitlines()[-1].lstrip().startswith("reconcile export ")


@pytest.mark.parametrize("form", ["parquet", "csv", "json"])
def test_from_files_to_an_export(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reconcile: Reconcile
) -> None:
    monkeypatch.chdir(tmp_path)
    WRITERS[form](prospects(200), tmp_path / "lake" / f"a.{form}")
    found = reconcile("init", "shop", "--from", "lake", "--to", "outgoing")
    assert (found.code, found.err) == (0, "")
    assert "  cd shop\n" in found.out
    assert says_next(found)
    project = tmp_path / "shop"
    loaded = load(project)
    assert loaded.diagnostics == ()
    assert loaded.desired is not None
    assert loaded.desired.datasets["lake"].spec.location == str(tmp_path / "lake")
    assert list(map(str, loaded.desired.flows)) == ["outgoing/audience/everyone"]
    for path in project.rglob("*.yaml"):
        assert path.read_text("utf-8").startswith("# ")
        assert max(map(len, path.read_text("utf-8").splitlines())) <= 130
        assert is_formatted(path), path
    # Files younger than five minutes wait.
    reconcile("-C", project, "apply", "--yes")
    dataset = project / "datasets" / "lake.yaml"
    dataset.write_text(dataset.read_text().replace("settle: 5m", "settle: 0s"))
    assert reconcile("-C", project, "apply", "--yes").code == 0
    assert reconcile("-C", project, "export", "outgoing/everyone").code == 0
    manifest = json.loads(next((project / "outgoing").rglob("_manifest*")).read_text())
    assert manifest["rows"] == 200


def test_data_inside_the_project_is_named_from_there(tmp_path: Path) -> None:
    write_csv(prospects(5), tmp_path / "data" / "people" / "a.csv")
    (tmp_path / "notes.txt").write_text("mine")
    (tmp_path / ".gitignore").write_text("mine")
    found = in_a_process("init", "--from", "data/people/a.csv", folder=tmp_path)
    assert (found.code, found.err) == (0, "")
    assert "cd " not in found.out
    desired = load(tmp_path).desired
    assert desired is not None
    assert desired.datasets["a"].spec.location == "data/people/a.csv"
    assert desired.destinations["out"].spec.type == "local"
    assert (tmp_path / ".gitignore").read_text() == "mine"


def test_types_partitions_and_what_can_not_be_declared(tmp_path: Path, reconcile: Reconcile) -> None:
    lake = tmp_path / "lake"
    put(
        lake,
        "day=2054-12-01/a.parquet",
        **{
            "id": [1],
            "Email": ["a"],
            "email": ["b"],
            "attrs": pa.nulls(1, pa.map_(pa.string(), pa.string())),
            "never": pa.nulls(1),
            "in\u202evisible": ["x"],
        },
    )
    put(lake, "day=2054-12-02/a.parquet", id=[2], Email=["a"], email=["b"], never=pa.nulls(1))
    found = reconcile("init", tmp_path / "p", "--from", lake, "--to", "s3://agency-bucket/exports/x/")
    assert (found.code, found.err) == (0, "")
    assert "2 Parquet files" in found.out
    assert "5 columns declared, 2 not (datasets/lake.yaml says why)" in found.out
    desired = load(tmp_path / "p").desired
    assert desired is not None
    spec = desired.datasets["lake"].spec
    assert {name: each.type for name, each in spec.columns.items()} == {
        "id": "long",
        "Email": "string",
        "email": "string",
        "never": "string",
        "day": "date",
    }
    text = (tmp_path / "p" / "datasets" / "lake.yaml").read_text("utf-8")
    assert "# Not declared: 'attrs': it is map<string, string" in text
    assert "'in\\u202evisible': its name holds characters that can't be seen" in text
    assert "never: {type: string}   # a guess" in text
    (flow,) = desired.flows.values()
    assert [each.name for each in flow.spec.columns] == ["id", "Email", "email_2", "never", "day"]
    connection = flow.spec.destination.spec.connection.to_json()
    assert (connection["bucket"], connection["path"]) == ("agency-bucket", "exports/x")


NAMES = (
    "1", "null", "yes", "NO", "~", "a: b", "a #b", "#x", "- x", "é", "it's", 'say "x"', "*", "<<", "=", "0x1", "1e3", "2054-12-01",
    " x ", "{a}", "[a]", "a,b", "&a", "!t", "%d", "@x", "`x`", "a\\b", "?", "|", ">", "true", "..", ".", "-", "a:", "^x$", "日本",
)  # fmt: skip


def test_any_column_name_is_written_so_that_it_is_read_again(tmp_path: Path, reconcile: Reconcile) -> None:
    put(tmp_path / "lake", "a.parquet", **{name: [1] for name in NAMES})
    assert reconcile("init", tmp_path / "p", "--from", tmp_path / "lake").err == ""
    desired = load(tmp_path / "p").desired
    assert desired is not None
    assert tuple(desired.datasets["lake"].spec.columns) == NAMES
    (flow,) = desired.flows.values()
    assert tuple(each.column for each in flow.spec.columns) == NAMES


def everything(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("p", "--from", "nowhere"), 1, "F101"),
        (("p", "--to", "out"), 64, "--from LOCATION"),
        (("p", "--from", "lake", "--to", "."), 3, "P103"),
        (("lake", "--from", "lake"), 64, "Name another DIR"),
        ((".", "--from", "lake"), 64, "holds YAML already"),
        (("p", "--from", "lake", "--to", "../lake/out"), 3, "P104"),
        (("p", "--from", "lake", "--to", "gs://bucket/x"), 64, "only local paths and s3://"),
        (("p", "--from", "lake", "--to", "s3://NOT_A_BUCKET/x"), 3, "C105"),
        (("yaml", "--from", "lake"), 64, "other.yml"),
        (("outer/inner", "--from", "lake"), 64, "project in"),
        (("outer/inner",), 64, "project in"),
    ],
)
def test_refusals_leave_nothing_behind(
    arguments: tuple[str, ...],
    code: int,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    reconcile: Reconcile,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_csv(prospects(5), tmp_path / "lake" / "a.csv")
    (tmp_path / "yaml").mkdir()
    (tmp_path / "yaml" / "other.yml").write_text("mine: 1")
    (tmp_path / "outer").mkdir()
    (tmp_path / "outer" / "reconcile.yaml").write_text(
        "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: p}\n"
    )
    before = everything(tmp_path)
    found = reconcile("init", *arguments)
    assert found.code == code, found.err
    assert said in found.err
    assert "Traceback" not in found.err
    if code:
        assert everything(tmp_path) == before
        assert not (tmp_path / "p").exists()


def test_what_is_there_is_never_overwritten(tmp_path: Path, reconcile: Reconcile) -> None:
    write_csv(prospects(5), tmp_path / "lake" / "a.csv")
    (tmp_path / "p" / "schedules" / "nightly.yaml").mkdir(parents=True)  # not YAML, but in the way
    found = reconcile("init", tmp_path / "p", "--from", tmp_path / "lake")
    assert found.code == 64
    assert "nightly.yaml is there already; nothing was written" in found.err
    assert everything(tmp_path / "p") == {}


def test_from_a_bucket_with_the_environments_credentials(
    seaweed_server: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, reconcile: Reconcile
) -> None:
    for name, value in seaweed_server.env().items():
        monkeypatch.setenv(name, value)
    bucket = seaweed_server.create_bucket("lake")
    for form in ("parquet", "csv"):
        name = {"parquet": "day=2054-12-01/a.parquet", "csv": "a.csv.gz"}[form]
        WRITERS[form](prospects(30), tmp_path / name)
        seaweed_server.client().upload_file(str(tmp_path / name), bucket, f"{form}/{name}")
        project = tmp_path / form
        found = reconcile("init", project, "--from", f"s3://{bucket}/{form}/", "--to", f"s3://{bucket}/out-{form}")
        assert (found.code, found.err) == (0, "")
        desired = load(project).desired
        assert desired is not None
        spec = desired.datasets[form].spec
        assert (spec.location, spec.account, spec.format) == (f"s3://{bucket}/{form}/", "aws", form)
        assert desired.accounts["aws"].spec.region == "us-east-1"
        if form == "parquet":
            assert set(spec.columns) == {*COLUMNS, "day"}
        dataset = project / "datasets" / f"{form}.yaml"
        dataset.write_text(dataset.read_text().replace("settle: 5m", "settle: 0s"))
        assert reconcile("-C", project, "apply", "--yes").code == 0
        assert reconcile("-C", project, "export", f"{next(iter(desired.destinations))}/everyone").code == 0
    (exported,) = [
        each["Key"]
        for each in seaweed_server.client().list_objects_v2(Bucket=bucket, Prefix="out-csv/everyone/")["Contents"]
        if each["Key"].endswith(".csv.gz")
    ]
    body = seaweed_server.client().get_object(Bucket=bucket, Key=exported)["Body"].read()
    assert len(list(csv.DictReader(io.StringIO(gzip.decompress(body).decode())))) == 30


def test_without_the_engines_csv_can_be_looked_into_and_parquet_says_what_is_missing(tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    for name in ("pyarrow", "polars", "isal", "boto3"):
        (blocked / name).mkdir(parents=True)
        (blocked / name / "__init__.py").write_text("raise ImportError('blocked')")
    path = f"{blocked}:{Path(__file__).parents[2]}"
    write_csv(prospects(5), tmp_path / "csv" / "a.csv")
    write_parquet(prospects(5), tmp_path / "parquet" / "a.parquet")
    assert in_a_process("init", "p", "--from", "csv", folder=tmp_path, PYTHONPATH=path).code == 0
    found = in_a_process("init", "q", "--from", "parquet", folder=tmp_path, PYTHONPATH=path)
    assert found.code == 1
    assert "pip install 'reconciler[export]'" in found.err
