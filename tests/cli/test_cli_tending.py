"""`ledger export`, `import` and `abandon`, as somebody calls them on the day that something is lost."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from reconciler.api.project import Project
from reconciler.ledger.records import FlowHead
from reconciler.values.identity import FlowId
from tests.cli.support import Reconcile, simulated_shop

FLOW = FlowId("outbox", "audience", "us-high-intent")


@pytest.fixture
def exported(tmp_path: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RECONCILER_ACTOR", "jane")
    folder = simulated_shop(tmp_path / "shop", reconcile)
    assert reconcile("-C", folder, "apply", "--yes", "--at", "2054-12-01T00:00Z").code == 0
    assert reconcile("-C", folder, "run", "--at", "2054-12-01T02:00Z").code == 0
    return folder


def head(folder: Path) -> FlowHead:
    found = Project.open(folder).ledger().head(FLOW)
    assert found is not None
    return found.document


def ledger(folder: Path) -> Path:
    return folder / ".reconcile" / "ledger"


# Backup -----------------------------------------------------------------------------------------------------------------


def test_a_lost_ledger_is_restored_and_goes_on(exported: Path, reconcile: Reconcile, tmp_path: Path) -> None:
    file = tmp_path / "backup.jsonl"
    found = reconcile("-C", exported, "ledger", "export", file)
    assert (found.code, "documents" in found.out) == (0, True)
    assert file.stat().st_mode & 0o777 == 0o600
    shutil.rmtree(ledger(exported))
    assert reconcile("-C", exported, "run", "--at", "2054-12-02T02:00Z").code == 5
    found = reconcile("-C", exported, "ledger", "import", file)
    assert (found.code, "reconcile verify" in found.out) == (0, True)
    assert "0 rows" in reconcile("-C", exported, "run", "--at", "2054-12-02T02:00Z").out
    assert reconcile("-C", exported, "verify").code == 0


def test_a_backup_never_takes_the_place_of_another_unasked(
    exported: Path, reconcile: Reconcile, tmp_path: Path
) -> None:
    file = tmp_path / "backup.jsonl"
    assert reconcile("-C", exported, "ledger", "export", file).code == 0
    first = file.read_bytes()
    reconcile("-C", exported, "run", "--at", "2054-12-02T02:00Z")
    found = reconcile("-C", exported, "ledger", "export", file)
    assert (found.code, "U115" in found.err, "--force" in found.err, str(file) in found.err) == (64, True, True, True)
    assert file.read_bytes() == first
    found = reconcile("-C", exported, "ledger", "export", "--force", file)
    assert found.code == 0, found.err
    assert file.read_bytes() != first
    assert [each.name for each in tmp_path.iterdir() if each.name.startswith(".")] == []


def test_an_import_over_a_ledger_is_refused(exported: Path, reconcile: Reconcile, tmp_path: Path) -> None:
    reconcile("-C", exported, "ledger", "export", tmp_path / "backup")
    reconcile("-C", exported, "run", "--at", "2054-12-02T02:00Z")
    before = head(exported)
    found = reconcile("-C", exported, "ledger", "import", tmp_path / "backup")
    assert (found.code, "L117" in found.err) == (5, True)
    assert head(exported) == before


@pytest.mark.parametrize("other", ["simulated", "environment"])
def test_a_backup_of_another_ledger_is_refused(
    exported: Path, reconcile: Reconcile, tmp_path: Path, other: str
) -> None:
    reconcile("-C", exported, "ledger", "export", tmp_path / "backup")
    shutil.rmtree(ledger(exported))
    project = exported / "reconcile.yaml"
    arguments: tuple[str, ...] = ("--env", "prod")
    if other == "simulated":
        project.write_text(project.read_text().replace("simulated: true", "simulated: false"))
        arguments = ()
    overlay = exported / "environments" / "prod.yaml"
    overlay.parent.mkdir()
    overlay.write_text(
        "apiVersion: reconciler/v1\nkind: Project\nmetadata: {name: shop}\nspec: {ledger: {simulated: true}}\n"
    )
    found = reconcile("-C", exported, "ledger", "import", tmp_path / "backup", *arguments)
    assert (found.code, "L150" in found.err) == (4, True), found
    assert not ledger(exported).exists()


def test_a_file_that_is_no_backup(exported: Path, reconcile: Reconcile, tmp_path: Path) -> None:
    (tmp_path / "backup").write_text("notes\n")
    shutil.rmtree(ledger(exported))
    found = reconcile("-C", exported, "ledger", "import", tmp_path / "backup")
    assert (found.code, "L115" in found.err) == (1, True)
    assert reconcile("-C", exported, "ledger", "import", tmp_path / "nowhere").code == 64


def test_an_apply_does_not_make_a_new_ledger_over_the_remains_of_one(exported: Path, reconcile: Reconcile) -> None:
    (ledger(exported) / "project.json").unlink()
    (exported / "audiences" / "us-high-intent.yaml").touch()
    found = reconcile("-C", exported, "apply", "--yes", "--at", "2054-12-01T03:00Z")
    assert (found.code, "L114" in found.err) == (1, True), found
    assert not (ledger(exported) / "project.json").exists()


# Ending a held run ------------------------------------------------------------------------------------------------------


@pytest.fixture
def held(exported: Path, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Somebody else's file has the name of what was to be published, as far as anybody can tell."""
    from reconciler.destinations.local import LocalDestination

    publish = LocalDestination.publish

    def taken(self: LocalDestination, file: object) -> object:
        path = Path(self.location(file.name))  # type: ignore[attr-defined]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("theirs")
        return publish(self, file)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(LocalDestination, "publish", taken)
        found = reconcile("-C", exported, "export", FLOW.short, "--full", "--at", "2054-12-01T03:00Z")
    assert (found.code, "D120" in found.err) == (1, True)
    return exported


def test_a_held_run_is_shown_and_ended(held: Path, reconcile: Reconcile) -> None:
    run = head(held).open
    assert run is not None
    status = reconcile("-C", held, "status", "--at", "2054-12-01T04:00Z").out
    assert "held" in status
    assert f"D120 another file has the name · run {run.run_id}" in status
    found = reconcile("-C", held, "run", "--at", "2054-12-02T02:00Z")
    assert (found.code, "D120" in found.err) == (1, True)
    found = reconcile("-C", held, "ledger", "abandon", run.run_id)
    assert (found.code, run.run_id in found.out, "cursor" in found.out) == (0, True, True)
    history = reconcile("-C", held, "history").out
    assert "abandoned" in history
    assert reconcile("-C", held, "run", "--at", "2054-12-02T02:00Z").code == 0
    assert list((held / "out").rglob(".reconciler-staging/*")) == []


def test_only_an_open_run_can_be_ended(exported: Path, reconcile: Reconcile) -> None:
    last = head(exported).last_run
    assert last is not None
    for name in ("r0000000000000000", last.run_id):
        found = reconcile("-C", exported, "ledger", "abandon", name)
        assert (found.code, "U113" in found.err) == (64, True)
