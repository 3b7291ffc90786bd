"""A destination of type `sftp` by the command line, against a real sshd."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import paramiko
import pytest

from tests.cli.support import Reconcile, simulated_shop
from tests.servers.openssh import SshServer

FIRST, NIGHT, NEXT = "2054-12-01T00:00Z", "2054-12-01T02:00Z", "2054-12-01T03:00Z"
Shop = Callable[..., Path]


@pytest.fixture
def shop(tmp_path: Path, reconcile: Reconcile, openssh_server: SshServer, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """What `init` makes, exporting to a folder of the server."""
    monkeypatch.setenv("PARTNER_KEY", openssh_server.key.read_text())

    def made(root: Path, access: str = "read-write", pin: str = "", retain: str = "") -> Path:
        folder = simulated_shop(tmp_path / "shop", reconcile)
        for path in folder.rglob("*.yaml"):
            if "kind: Destination" in path.read_text():
                path.unlink()
        (folder / "sftp.yaml").write_text(f"""\
apiVersion: reconciler/v1
kind: Account
metadata: {{name: partner}}
spec: {{type: sftp, user: {openssh_server.user}, key: {{fromEnv: PARTNER_KEY}}}}
---
apiVersion: reconciler/v1
kind: Destination
metadata: {{name: outbox}}
spec:
  type: sftp
  account: partner
  connection:
    host: 127.0.0.1
    port: {openssh_server.port}
    path: {root}
    hostKeys: ["{pin or openssh_server.host_key}"]
    access: {access}
  format: {{type: csv, compression: none}}
""")
        return folder

    return made


def test_from_validate_to_purge(shop: Shop, reconcile: Reconcile, openssh_server: SshServer) -> None:
    root = openssh_server.folder()
    folder = shop(root)
    assert reconcile("-C", folder, "validate").code == 0
    plan = reconcile("-C", folder, "plan", "--at", FIRST)
    assert (plan.code, f"sftp://127.0.0.1:{openssh_server.port}{root}" in plan.out) == (0, True), plan
    assert list(root.iterdir()) == []
    assert reconcile("-C", folder, "apply", "--yes", "--at", FIRST).code == 0
    assert reconcile("-C", folder, "plan", "--refresh", "--at", FIRST).code == 0
    assert reconcile("-C", folder, "run", "--at", NIGHT).code == 0
    (part,) = root.rglob("part-*.csv")
    (manifest,) = root.rglob("_manifest-*.json")
    assert json.loads(manifest.read_text())["rows"] == len(part.read_text().splitlines()) - 1 > 0
    assert reconcile("-C", folder, "verify").code == 0
    part.write_text("somebody else's\n")
    changed = reconcile("-C", folder, "verify")
    assert (changed.code, "changed" in changed.out) == (1, True), changed
    activation = folder / "activations" / "nightly.yaml"
    activation.write_text(activation.read_text() + "  onRemove: purge\n")
    assert reconcile("-C", folder, "apply", "--yes", "--at", NIGHT).code == 0
    activation.unlink()
    purged = reconcile("-C", folder, "apply", "--yes", "--allow-removals", "all", "--at", NEXT)
    assert purged.code == 0, purged
    assert [path.name for path in root.iterdir()] == [".reconciler-owner.json"]


def test_a_drop_box(shop: Shop, reconcile: Reconcile, openssh_server: SshServer) -> None:
    root = openssh_server.folder()
    root.chmod(0o333)
    try:
        folder = shop(root, access="write-only")
        assert reconcile("-C", folder, "apply", "--yes", "--at", FIRST).code == 0
        found = reconcile("-C", folder, "run", "--at", NIGHT)
        assert (found.code, "✓ export" in found.out) == (0, True), found
        assert len(list(root.rglob("part-*.csv"))) == 1
        verified = reconcile("-C", folder, "verify")
        assert (verified.code, "can only be written to" in verified.out) == (0, True), verified
    finally:
        root.chmod(0o755)


def test_another_server_than_the_pinned_one_is_told_before_anything_is_recorded(
    shop: Shop, reconcile: Reconcile, openssh_server: SshServer
) -> None:
    root = openssh_server.folder()
    other = paramiko.ECDSAKey.generate()
    folder = shop(root, pin=f"{other.get_name()} {other.get_base64()}")
    found = reconcile("-C", folder, "apply", "--yes", "--at", FIRST)
    assert (found.code != 0, "A152" in found.err) == (True, True), found
    assert found.err.count("SHA256:") >= 2
    assert "PRIVATE KEY" not in found.out + found.err
    assert list(root.iterdir()) == []


@pytest.mark.parametrize(
    ("path", "pin", "said"),
    [
        ("/in/../out", "", "plain path"),
        ("/in", "ssh-ed25519 " + "A" * 68, "isn't a key of this type"),
        ("/in", "MD5:" + "ab:" * 15 + "ab", "ssh-keyscan"),
    ],
)
def test_what_cant_be_is_refused_by_validate(shop: Shop, reconcile: Reconcile, path: str, pin: str, said: str) -> None:
    found = reconcile("-C", shop(Path(path), pin=pin), "validate")
    assert (found.code, said in found.out + found.err) == (3, True), found


def test_an_account_needs_a_way_to_sign_in(shop: Shop, reconcile: Reconcile) -> None:
    folder = shop(Path("/in"))
    text = (folder / "sftp.yaml").read_text()
    (folder / "sftp.yaml").write_text(
        text.replace("key: {fromEnv: PARTNER_KEY}", "keyPassphrase: {fromEnv: PARTNER_KEY}")
    )
    found = reconcile("-C", folder, "validate")
    assert (
        found.code,
        "no way to sign in" in found.out + found.err,
        "no key that it could" in found.out + found.err,
    ) == (3, True, True)


def test_validate_and_plan_need_no_paramiko(shop: Shop, reconcile: Reconcile, openssh_server: SshServer) -> None:
    folder = shop(openssh_server.folder())
    for command in ("validate", "plan"):
        code = (
            "import sys; sys.modules['paramiko'] = None\n"
            f"from reconciler.cli.main import run; sys.exit(run(['-C', {str(folder)!r}, {command!r}]))"
        )
        assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
    code = (
        "import sys; sys.modules['paramiko'] = None\n"
        f"from reconciler.cli.main import run; sys.exit(run(['-C', {str(folder)!r}, 'apply', '--yes']))"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert "pip install 'reconciler[sftp]'" in told.stderr
