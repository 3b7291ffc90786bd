"""`import reconciler`: light, typed, and enough for all that commands do."""

from __future__ import annotations

import contextlib
import re
import subprocess
import sys
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import reconciler
from tests.cli.support import Reconcile

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "python.md").read_text("utf-8")
FLOW = "outbox/us-high-intent"
FULL = "outbox/audience/us-high-intent"
START = datetime(2054, 12, 1, tzinfo=UTC)
SLOT = START + timedelta(hours=2)


@pytest.fixture
def folder(tmp_path: Path, reconcile: Reconcile) -> Path:
    assert reconcile("init", tmp_path / "shop").code == 0
    return tmp_path / "shop"


@pytest.fixture
def project(folder: Path) -> reconciler.Project:
    """Simulated, applied at START."""
    with (folder / "reconcile.yaml").open("a") as file:
        file.write('spec:\n  ledger: {url: "file://.reconcile/ledger", simulated: true}\n')
    found = reconciler.Project.open(folder)
    done = found.apply(found.plan(at=START), at=START)
    assert done.made
    assert [type(each).__name__ for each in done.results] == ["Done", "Done"]
    return found


def test_importing_it_loads_nothing() -> None:
    code = "import sys, reconciler; print(sorted(name for name in sys.modules if name.startswith('reconciler')))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout == "['reconciler', 'reconciler.version']\n"


def test_every_public_name_is_there() -> None:
    for name in reconciler.__all__:
        assert getattr(reconciler, name) is not None, name
    assert set(reconciler.__all__) <= set(dir(reconciler))
    with pytest.raises(AttributeError, match="nope"):
        reconciler.nope  # noqa: B018


def test_the_page_does_what_it_says(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder.parent)
    names: dict[str, Any] = {}
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert len(blocks) == 3
    for block in blocks:
        exec(block, names)
    lines = capsys.readouterr().out.splitlines()
    assert "create-destination outbox" in lines
    assert any(line.startswith(f"{FULL} ready ") for line in lines)
    assert names["again"].rows == names["run"].rows == 90
    assert not any(line.startswith(("missing", "changed", "unknown")) for line in lines)


def test_every_name_on_the_page_is_public() -> None:
    assert set(re.findall(r"\breconciler\.(\w+)", PAGE)) <= set(reconciler.__all__)


def test_a_night(project: reconciler.Project) -> None:
    told: list[Any] = []
    seen: list[tuple[str, int]] = []
    hooks = reconciler.Hooks(told=told.append, progress=lambda flow, done: seen.append((str(flow), done.rows)))
    events = project.run(at=SLOT, hooks=hooks)
    assert tuple(told) == events
    (event,) = events
    assert isinstance(event, reconciler.Exported)
    assert (event.flow, event.run.rows) == (FULL, 90)
    assert seen[-1] == (FULL, 90)
    assert project.run(at=SLOT) == ()
    (status,) = project.status(at=SLOT)
    assert (status.state, status.head.last_slot) == ("ready", SLOT)
    assert project.history(FLOW).total == 1
    assert project.verify(destinations=("outbox",)).findings == ()


def test_errors_have_codes_and_exit_codes(project: reconciler.Project, tmp_path: Path) -> None:
    with pytest.raises(reconciler.ConfigInvalid, match="P109"):
        reconciler.Project.open(tmp_path / "nowhere")
    with pytest.raises(reconciler.UsageError, match="U120") as wrong:
        project.status("outbox/nope")
    assert wrong.value.exit_code == 64
    for near in ("us-high-intent", "outbox/us-high-intant"):
        with pytest.raises(reconciler.UsageError, match=r"Did you mean outbox/us-high-intent\?"):
            project.status(near)
    with pytest.raises(reconciler.UsageError, match="U101"):
        project.run(at=datetime(2054, 12, 1))
    (project.root / "audiences" / "more.yaml").write_text("apiVersion: reconciler/v1\nkind: Audience\n")
    with pytest.raises(reconciler.NotValid) as invalid:
        project.plan()
    assert invalid.value.exit_code == 3
    assert invalid.value.diagnostics == project.validate().diagnostics


def test_without_a_ledger_nothing_is_quietly_fine(folder: Path) -> None:
    project = reconciler.Project.open(folder)
    for call in (project.run, project.status, project.history, project.verify, lambda: project.export(FLOW)):
        with pytest.raises(reconciler.Conflict, match="L151"):
            call()
    assert not (folder / ".reconcile").exists()


def test_a_plan_is_performed_as_it_is_or_refused(project: reconciler.Project, tmp_path: Path) -> None:
    activation = project.root / "activations" / "nightly.yaml"
    activation.write_text(activation.read_text().replace("us-high-intent", "everyone"))
    audience = project.root / "audiences" / "us-high-intent.yaml"
    audience.write_text(audience.read_text().replace("name: us-high-intent", "name: everyone"))
    at = START + timedelta(minutes=1)
    refused = project.plan(at=at)
    with pytest.raises(reconciler.Refused):
        project.apply(refused, at=at)
    plan = project.plan(at=at, allow_removals="all")
    saved = reconciler.write_plan(plan, tmp_path / "plan.json")
    assert reconciler.read_plan(tmp_path / "plan.json") == saved
    assert (tmp_path / "plan.json").stat().st_mode & 0o777 == 0o600
    project.apply(saved, at=at)
    for stale in (plan, saved):
        with pytest.raises(reconciler.Conflict):
            project.apply(stale, at=at)


def test_a_plan_of_another_project_is_refused(
    project: reconciler.Project, tmp_path: Path, reconcile: Reconcile
) -> None:
    assert reconcile("init", tmp_path / "other").code == 0
    other = reconciler.Project.open(tmp_path / "other")
    with pytest.raises(reconciler.Conflict):
        other.apply(project.plan(at=SLOT))
    assert not (other.root / ".reconcile").exists()


def test_stop_is_asked_before_each_export(project: reconciler.Project) -> None:
    with pytest.raises(reconciler.Interrupted):
        project.run(at=SLOT, hooks=reconciler.Hooks(stop=lambda: True))
    assert project.status(at=SLOT)[0].state == "due"
    assert len(project.run(at=SLOT)) == 1


def test_it_works_from_several_threads(project: reconciler.Project) -> None:
    exported: list[object] = []

    def runner() -> None:
        with contextlib.suppress(reconciler.Conflict):
            exported.extend(project.run(at=SLOT))

    threads = [threading.Thread(target=runner) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    assert [type(each).__name__ for each in exported] == ["Exported"]
