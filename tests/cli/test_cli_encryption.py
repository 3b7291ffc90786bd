"""Encrypted exports by the command line: who can read them is planned, applied, and held to."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from tests.cli.support import Outcome, Reconcile, simulated_shop
from tests.servers.gnupg import Gpg

FIRST, NIGHT, SECOND = "2054-12-01T00:00Z", "2054-12-01T02:00Z", "2054-12-02T02:00Z"
FLOW = "outbox/audience/us-high-intent"
PLAIN = {"type": "csv", "compression": "none"}


@pytest.fixture(scope="module")
def reader(gpg: Gpg) -> str:
    """Whoever gets the files."""
    return gpg.make("agency")


@pytest.fixture
def shop(tmp_path: Path, reconcile: Reconcile, gpg: Gpg, reader: str) -> Path:
    """What `init` makes, encrypted for one reader."""
    folder = simulated_shop(tmp_path / "shop", reconcile)
    (folder / "keys").mkdir()
    (folder / "keys" / "agency.asc").write_bytes(gpg.public(reader))
    change(
        folder, "Destination", encryption={"type": "pgp", "recipients": [{"fromFile": "keys/agency.asc"}]}, format=PLAIN
    )
    return folder


def change(folder: Path, kind: str, **spec: object) -> None:
    """Sets fields of the spec of the one document of a kind."""
    for path in folder.rglob("*.yaml"):
        documents = list(yaml.safe_load_all(path.read_text()))
        for each in documents:
            if each["kind"] == kind:
                each["spec"].update(spec)
                path.write_text(yaml.safe_dump_all(documents))


def call(reconcile: Reconcile, folder: Path, *arguments: str, code: int = 0) -> Outcome:
    found = reconcile("-C", folder, *arguments)
    assert found.code == code, found
    return found


def exported(folder: Path) -> list[Path]:
    return sorted((folder / "out").rglob("part-*"))


def manifest(folder: Path) -> dict[str, object]:
    (path,) = (folder / "out").rglob("_manifest-*.json")
    found: dict[str, object] = json.loads(path.read_text())
    return found


def test_from_plan_to_a_reader(shop: Path, reconcile: Reconcile, gpg: Gpg, reader: str) -> None:
    assert f"encrypted for {reader}" in call(reconcile, shop, "plan", "--at", FIRST).out
    assert reader in call(reconcile, shop, "plan", "--at", FIRST, "--format", "markdown").out
    call(reconcile, shop, "apply", "--yes", "--at", FIRST)
    call(reconcile, shop, "run", "--at", NIGHT)
    (part,) = exported(shop)
    assert part.name.endswith(".csv.pgp")
    opened = gpg.open(part.read_bytes())
    rows = opened.content.decode().splitlines()
    told = manifest(shop)
    assert told["encryption"] == {"type": "pgp", "recipients": [reader]}
    assert told["rows"] == len(rows) - 1 == 90
    (listed,) = told["files"]  # type: ignore[misc]
    assert (listed["path"], listed["size"]) == (part.name, part.stat().st_size)
    assert call(reconcile, shop, "verify").out
    # Nothing else on the disk holds what left.
    secret = rows[50].encode()
    assert [
        path for path in shop.rglob("*") if path.is_file() and "data" not in path.parts and secret in path.read_bytes()
    ] == []
    again = call(reconcile, shop, "export", FLOW, "--again", NIGHT, "--at", "2054-12-01T03:00Z")
    assert again.code == 0
    first, second = exported(shop)
    assert first.read_bytes() != second.read_bytes()
    assert sorted(gpg.open(first.read_bytes()).content.splitlines()) == sorted(
        gpg.open(second.read_bytes()).content.splitlines()
    )


@pytest.mark.parametrize(
    ("form", "ending"),
    [
        ({"type": "parquet"}, ".gz.parquet.gpg"),
        ({"type": "json"}, ".json.gz.gpg"),
        ({"type": "csv"}, ".csv.gz.gpg"),
    ],
)
def test_all_formats_split_and_signed(
    shop: Path, reconcile: Reconcile, gpg: Gpg, monkeypatch: pytest.MonkeyPatch, form: dict[str, str], ending: str
) -> None:
    signer, other = gpg.make("shop", passphrase="open sesame"), gpg.make("auditor")
    (shop / "keys" / "auditor.gpg").write_bytes(gpg.public(other, armor=False))
    monkeypatch.setenv("SHOP_KEY", gpg.private(signer, "open sesame"))
    monkeypatch.setenv("SHOP_PASSPHRASE", "open sesame")
    encryption = {
        "type": "pgp",
        "extension": "gpg",
        "recipients": [{"fromFile": "keys/agency.asc"}, {"fromFile": "keys/auditor.gpg"}],
        "sign": {"fromEnv": "SHOP_KEY"},
        "signPassphrase": {"fromEnv": "SHOP_PASSPHRASE"},
    }
    change(shop, "Destination", encryption=encryption, format=form, files={"maxRows": 40})
    call(reconcile, shop, "apply", "--yes", "--at", FIRST)
    call(reconcile, shop, "run", "--at", NIGHT)
    parts = exported(shop)
    assert [part.name[part.name.index("c000") + 4 :] for part in parts] == [ending] * 3
    opened = [gpg.open(part.read_bytes()) for part in parts]
    assert {each.signed_by for each in opened} == {signer}
    assert {len(each.readers) for each in opened} == {2}
    first = opened[0].content
    if form["type"] == "parquet":
        assert (first[:4], first[-4:]) == (b"PAR1", b"PAR1")
    else:
        assert len(gzip.decompress(first).splitlines()) == 40 + (form["type"] == "csv")
    assert manifest(shop)["encryption"]["signedBy"] == signer  # type: ignore[index]
    assert "open sesame" not in "".join(
        path.read_text(errors="replace") for path in (shop / ".reconcile").rglob("*") if path.is_file()
    )


def test_a_change_of_readers_is_planned(shop: Path, reconcile: Reconcile, gpg: Gpg, reader: str) -> None:
    call(reconcile, shop, "apply", "--yes", "--at", FIRST)
    call(reconcile, shop, "run", "--at", NIGHT)
    other = gpg.make("newcomer")
    (shop / "keys" / "agency.asc").write_bytes(gpg.public(other))
    # Before it is applied, nobody else than planned can read anything.
    refused = call(reconcile, shop, "run", "--at", SECOND, code=1)
    assert "A157" in refused.err
    assert {reader, other} <= set(re.findall(r"\b[0-9A-F]{40}\b", refused.err))
    assert len(exported(shop)) == 1
    plan = call(reconcile, shop, "plan", "--at", SECOND).out
    assert {reader, other} <= set(re.findall(r"\b[0-9A-F]{40}\b", plan)), plan
    assert "Who can read its files" in plan
    assert "cursor kept" in plan
    call(reconcile, shop, "apply", "--yes", "--at", SECOND)
    assert call(reconcile, shop, "status").code == 0


def test_a_key_that_expired_refuses_before_anything_is_claimed(shop: Path, reconcile: Reconcile, gpg: Gpg) -> None:
    expired = gpg.make("late", expires="1y", at="20200101T000000")
    (shop / "keys" / "agency.asc").write_bytes(gpg.public(expired))
    assert call(reconcile, shop, "validate").code == 0
    refused = call(reconcile, shop, "apply", "--yes", "--at", FIRST, code=6)
    assert ("A155" in refused.err, "expired on 2020-12-31" in refused.err) == (True, True), refused
    assert not (shop / "out").exists()


def test_a_key_that_vanished_refuses_before_anything_is_claimed(shop: Path, reconcile: Reconcile) -> None:
    call(reconcile, shop, "apply", "--yes", "--at", FIRST)
    ledger = {
        path: path.read_bytes() for path in (shop / ".reconcile" / "ledger" / "flows").rglob("*") if path.is_file()
    }
    (shop / "keys" / "agency.asc").unlink()
    assert "A155" in call(reconcile, shop, "run", "--at", NIGHT, code=1).err
    now = [json.loads(path.read_text()) for path in ledger if path.suffix == ".json" or path.is_file()]
    assert all(each.get("open") is None for each in now if isinstance(each, dict))
    assert exported(shop) == []
    assert call(reconcile, shop, "validate", code=3).code == 3


def test_a_fixed_name_is_replaced(shop: Path, reconcile: Reconcile, gpg: Gpg) -> None:
    change(shop, "Destination", files={"replace": True, "folder": "weekly", "name": "{source_id}.{ext}"})
    change(shop, "Activation", mode="full")
    call(reconcile, shop, "apply", "--yes", "--at", FIRST)
    before = None
    for slot in (NIGHT, SECOND):
        call(reconcile, shop, "run", "--at", slot)
        (path,) = (shop / "out" / "weekly").glob("us-high-intent*")
        assert path.name == "us-high-intent.csv.pgp"
        content = path.read_bytes()
        assert content != before
        assert len(gpg.open(content).content.splitlines()) == 91
        before = content


def test_who_left_is_encrypted_too(shop: Path, reconcile: Reconcile, gpg: Gpg, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIFF_SECRET", "correct horse battery staple")
    told = {"removed": "folder", "operationColumn": "op", "secret": {"fromEnv": "DIFF_SECRET"}}
    change(shop, "Dataset", incremental={"strategy": "diff", "changes": told}, primaryKey=["prospect_id"])
    call(reconcile, shop, "apply", "--yes", "--at", FIRST)
    call(reconcile, shop, "run", "--at", NIGHT)
    change(shop, "Audience", where="country = 'US' AND intent_score >= 0.9")
    call(reconcile, shop, "apply", "--yes", "--at", "2054-12-01T12:00Z")
    call(reconcile, shop, "run", "--at", SECOND)
    (removed,) = (shop / "out").rglob("_removed/*")
    assert removed.name.endswith(".pgp")
    assert len(gpg.open(removed.read_bytes()).content.splitlines()) > 2


def test_many_flows_at_once(shop: Path, reconcile: Reconcile, gpg: Gpg) -> None:
    for number in range(3):
        (shop / f"more-{number}.yaml").write_text(f"""\
apiVersion: reconciler/v1
kind: Audience
metadata: {{name: more-{number}}}
spec: {{dataType: prospects, dataset: prospects, where: "intent_score >= 0.{number + 3}"}}
---
apiVersion: reconciler/v1
kind: Activation
metadata: {{name: more-{number}}}
spec: {{destination: outbox, schedule: nightly, audiences: [more-{number}], backfill: full}}
""")
    call(reconcile, shop, "apply", "--yes", "--at", FIRST)
    call(reconcile, shop, "run", "--at", NIGHT)
    assert len(exported(shop)) == 4
    assert all(len(gpg.open(part.read_bytes()).content.splitlines()) > 10 for part in exported(shop))


def without_pysequoia(folder: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    def done(*arguments: str) -> subprocess.CompletedProcess[str]:
        call = f"run({['-C', str(folder), *arguments]!r})"
        code = f"import sys; sys.modules['pysequoia'] = None\nfrom reconciler.cli.main import run; sys.exit({call})"
        return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    return done


def test_validate_and_plan_need_no_extra(shop: Path, reader: str) -> None:
    done = without_pysequoia(shop)
    assert done("validate").returncode == 0
    planned = done("plan", "--at", FIRST)
    assert (planned.returncode, reader in planned.stdout) == (0, True)
    assert "pip install 'reconciler[pgp]'" in done("apply", "--yes", "--at", FIRST).stderr
