"""The example of a weekly, encrypted CSV under a fixed name, lived through for two weeks against a real sshd."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import pytest

from tests.cli.support import Reconcile
from tests.examples.rehearsal import EXAMPLES, replaced
from tests.servers.gnupg import Gpg
from tests.servers.openssh import SshServer

MONDAYS = ("2026-12-07T06:00Z", "2026-12-14T06:00Z")


@pytest.fixture
def reconcile(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Reconcile:
    monkeypatch.delenv("CI", raising=False)
    return Reconcile(capsys)


def prospects(folder: Path, name: str, seed: int, rows: int) -> int:
    """Writes a file of prospects; how many of them are promising."""
    drawn, path = random.Random(seed), folder / "data" / "prospects" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    scores = [round(drawn.random(), 3) for _ in range(rows)]
    lines = [f"{seed}-{n},p{seed}-{n}@example.org,IE,{score}" for n, score in enumerate(scores)]
    path.write_text("\n".join(["prospect_id,email,country,intent_score", *lines]) + "\n")
    return sum(score >= 0.7 for score in scores)


def test_two_weeks(
    tmp_path: Path, reconcile: Reconcile, openssh_server: SshServer, gpg: Gpg, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, incoming = tmp_path / "weekly", openssh_server.folder("incoming")
    shutil.copytree(EXAMPLES / "weekly-sftp", project)
    agency = gpg.make("weekly-agency")
    (project / "keys" / "agency.asc").write_bytes(gpg.public(agency))
    replaced(
        project / "reconcile.yaml",
        (
            "metadata: {name: weekly-sftp}",
            'metadata: {name: weekly-sftp}\nspec: {ledger: {url: "file://.l", simulated: true}}',
        ),
        ("user: acme", f"user: {openssh_server.user}"),
        ("/run/secrets/agency_ed25519", str(openssh_server.key)),
        ("  keyPassphrase: {fromEnv: AGENCY_KEY_PASSPHRASE}\n", ""),
        ("host: sftp.agency.example", f"host: 127.0.0.1\n    port: {openssh_server.port}"),
        ("/incoming/acme", str(incoming)),
        ("SHA256:gAYRPZzcYzA0khmcnwZUb2XYs9IuBlqlLvKFvSVxjVY", openssh_server.host_key),
    )

    def done(*arguments: str) -> str:
        found = reconcile("-C", project, *arguments)
        assert found.code == 0, found
        return found.out

    expected = prospects(project, "a.csv", 1, 900)
    assert agency in done("plan", "--at", "2026-12-01T00:00Z")
    done("apply", "--yes", "--at", "2026-12-01T00:00Z")
    folder = incoming / "high-intent"
    seen = []
    for monday in MONDAYS:
        assert "✓ export" in done("run", "--at", monday)
        (path,) = [each for each in folder.iterdir() if not each.name.startswith("_manifest-")]
        assert path.name == "acme-weekly.csv.pgp"
        lines = gpg.open(path.read_bytes()).content.decode().split("\r\n")
        assert lines[0] == "prospect_id;hashed_email;country"
        assert len(lines) - 2 == expected
        assert not any("@" in line for line in lines)
        (manifest,) = folder.glob("_manifest-*.json")
        told = json.loads(manifest.read_text())
        assert (told["rows"], told["encryption"]["recipients"]) == (expected, [agency])
        seen.append(path.read_bytes())
        expected += prospects(project, "b.csv", 2, 300)
    assert seen[0] != seen[1]
    assert "all as recorded" in done("verify")
