"""`status`, `history` and `verify` over real runs of a small house."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reconciler.apply.runs import Wanted, run_flow
from reconciler.apply.verify import verify_run
from reconciler.destinations.base import Capabilities
from reconciler.destinations.local import LocalDestination
from reconciler.errors import Refused
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import FORMAT_VERSION, Applied, Condition, Lease, OpenRun, ProjectRecord, RunRecord
from reconciler.present.commands import Shell
from reconciler.present.status import as_text, duration, flow_status
from reconciler.resources.activation import ExportGuard, Guards
from reconciler.stores.folder import FolderStore
from tests.apply.fixtures_runs import FLOW, SLOT, House
from tests.cli.support import Outcome, Reconcile
from tests.config.support import document, write

DAY = timedelta(days=1)
AT = "2054-12-02T02:30Z"


@pytest.fixture
def house(tmp_path: Path) -> House:
    write(tmp_path, {"project.yaml": document("Project", "test", "{ledger: {url: 'file://ledger'}}")})
    house = House(tmp_path, store=FolderStore(tmp_path / "ledger", lambda _: None))
    house.put("a.csv", [("1", "US"), ("2", "DE"), ("3", "US")])
    record = ProjectRecord(
        nonce="n", format_version=FORMAT_VERSION, lineage="l", simulated=False, serial=1, created_at=SLOT - DAY
    )
    house.ledger.create(keys.PROJECT, record)
    house.apply()
    return house


def export(house: House, day: int = 0) -> RunRecord:
    record = run_flow(house.context(), FLOW, Wanted(SLOT + day * DAY), SLOT + day * DAY)
    assert record is not None
    return record


def status(reconcile: Reconcile, house: House, at: str, *more: str) -> dict[str, object]:
    found = reconcile("-C", house.root, "status", "--format", "json", "--at", at, *more)
    assert (found.code, found.err) == (0, "")
    (flow,) = json.loads(found.out)["flows"]
    assert isinstance(flow, dict)
    return flow


def verify(reconcile: Reconcile, house: House, *more: str) -> tuple[int, list[tuple[str, str]]]:
    found = reconcile("-C", house.root, "verify", "--format", "json", *more)
    problems = [(each["problem"], each["name"].rpartition("/")[2]) for each in json.loads(found.out)["findings"]]
    return found.code, problems


def part(house: House) -> Path:
    (found,) = [each for each in (house.root / "out").rglob("part-*") if each.is_file()]
    return found


# status ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("at", "condition", "missed", "upcoming"),
    [
        ("2054-12-01T01:59Z", "ready", 0, "2054-12-01T02:00Z"),
        ("2054-12-01T02:00Z", "due", 0, "2054-12-01T02:00Z"),
        ("2054-12-01T03:00Z", "due", 0, "2054-12-01T02:00Z"),
        ("2054-12-01T03:01Z", "late", 0, "2054-12-01T02:00Z"),
        ("2054-12-02T02:00Z", "late", 1, "2054-12-02T02:00Z"),
    ],
)
def test_a_flow_is_ready_then_due_then_late(
    house: House, reconcile: Reconcile, at: str, condition: str, missed: int, upcoming: str
) -> None:
    head = house.head()
    house.ledger.swap(head, head.document.model_copy(update={"since": SLOT - 2 * DAY + timedelta(hours=1)}))
    found = status(reconcile, house, at)
    assert (found["condition"], found["missed"], found["nextSlot"]) == (condition, missed, upcoming)
    assert found["lastRun"] is None


def test_after_an_export_the_line_says_what_left_and_what_comes(house: House, reconcile: Reconcile) -> None:
    export(house)
    found = reconcile("-C", house.root, "status", "--at", AT)
    assert found.out.splitlines() == [
        "ready      box/us  last 2054-12-02 02:00 UTC · 2 rows  next 2054-12-03 02:00 UTC  30 min old",
        "",
        "1 flow: 1 ready",
    ]
    assert status(reconcile, house, AT)["ageSeconds"] == 1800


def test_a_held_flow_comes_first_with_a_command_that_works(house: House, reconcile: Reconcile) -> None:
    head = house.head()
    held = house.spec(guards=Guards(export=ExportGuard(max_rows=1)))
    house.ledger.swap(head, head.document.model_copy(update={"spec": held}))
    applied = Applied(at=SLOT, by="test")
    source = house.spec().source.model_copy(update={"name": "aa"})
    other = transitions.added(house.spec(source=source), owner="test", source_id="aa", applied=applied, nonce="n1")
    house.ledger.create(keys.flow(other.flow_id), other)
    with pytest.raises(Refused):
        export(house)
    found = reconcile("-C", house.root, "status", "--at", AT)
    first, why, which, command, then, *_ = found.out.splitlines()
    assert first.startswith("held       box/us  never exported")
    assert why.strip() == "H101 a guard holds this export"
    assert "export.maxRows: 2 rows; at most 1 are allowed" in which
    listed = json.loads(reconcile("-C", house.root, "status", "--at", AT, "--format", "json").out)["flows"]
    assert [each["detail"] for each in listed] == [which.strip(), None]
    assert command.strip() == "reconcile explain H101"
    assert reconcile(*command.split()[1:]).code == 0
    assert then.strip() == f"reconcile -C {house.root} run --select box/audience/us"
    assert found.out.endswith("2 flows: 1 held, 1 due\n")


def test_a_live_run_is_running_and_a_dead_one_late(house: House) -> None:
    head = house.head().document
    run = OpenRun(
        run_id="r0000000000000001",
        epoch=1,
        generation=1,
        kind="full",
        slot=SLOT,
        spec=head.spec,
        source_id="us",
        folder="us",
        pin="0",
        lease=Lease(holder="x", until=SLOT + timedelta(minutes=15)),
        claimed_at=SLOT,
    )
    head = head.model_copy(update={"open": run})
    assert flow_status(head, SLOT + timedelta(minutes=14)).state == "running"
    dead = flow_status(head, SLOT + timedelta(minutes=15))
    assert (dead.state, dead.commands()) == ("late", ["reconcile run --select box/audience/us"])


def test_a_suspended_flow_has_no_next_slot(house: House, reconcile: Reconcile) -> None:
    head = house.head()
    house.ledger.swap(head, head.document.model_copy(update={"state": "suspended"}))
    found = status(reconcile, house, "2054-12-09T02:00Z")
    assert (found["condition"], found["nextSlot"], found["nextCommand"]) == ("suspended", None, None)


@pytest.mark.parametrize("name", ["box/us", "box/audience/us"])
def test_a_flow_is_named_in_full_or_in_short(house: House, reconcile: Reconcile, name: str) -> None:
    assert status(reconcile, house, AT, name)["flow"] == "box/audience/us"


@pytest.mark.parametrize(
    "wrong", [["box/uk"], ["--destination", "bx"], ["--select", "u*"], ["--at", "2054-12-02T02:30"]]
)
@pytest.mark.parametrize("command", ["status", "verify", "history"])
def test_what_fits_nothing_is_wrong_usage(house: House, reconcile: Reconcile, command: str, wrong: list[str]) -> None:
    assert reconcile("-C", house.root, command, *wrong).code == 64


def test_a_short_form_that_fits_two_flows_is_refused(house: House, reconcile: Reconcile) -> None:
    source = house.spec().source.model_copy(update={"kind": "dataset", "data_type": "datasets", "where": None})
    applied = Applied(at=SLOT, by="test")
    twin = transitions.added(house.spec(source=source), owner="test", source_id="us", applied=applied, nonce="n1")
    house.ledger.create(keys.flow(twin.flow_id), twin)
    found = reconcile("-C", house.root, "status", "box/us")
    assert found.code == 64
    assert "box/audience/us, box/dataset/us" in found.err


@pytest.mark.parametrize("command", ["status", "verify", "history"])
def test_without_a_ledger_it_says_so_and_makes_none(tmp_path: Path, reconcile: Reconcile, command: str) -> None:
    write(tmp_path, {"project.yaml": document("Project", "test", "{ledger: {url: 'file://ledger'}}")})
    found = reconcile("-C", tmp_path, command)
    assert (found.code, found.out) == (5, "")
    assert found.err.startswith("L151 ")
    assert "reconcile apply" in found.err
    assert not (tmp_path / "ledger").exists()


def test_durations_are_cut_to_the_unit_that_fits() -> None:
    spans = {
        0: "0 s",
        -5: "0 s",
        59: "59 s",
        60: "1 min",
        7199: "119 min",
        7200: "2 h",
        172_799: "47 h",
        172_800: "2 d",
    }
    assert {seconds: duration(timedelta(seconds=seconds)) for seconds in spans} == spans


def test_of_one_flow_more_is_said(house: House, reconcile: Reconcile) -> None:
    export(house)
    found = reconcile("-C", house.root, "status", "box/us", "--at", AT)
    text = " ".join(found.out.split())
    assert "applied test, 2054-12-01 02:00 UTC · generation 1" in text
    assert "schedule daily 02:00" in text
    assert "cursor 1 file of data done with (files)" in text
    assert "goes to out/us" in text
    assert status(reconcile, house, AT)["cursor"] == {"strategy": "files", "location": "data", "files": 1}


def test_a_pasted_command_works_where_this_one_was_given(house: House, reconcile: Reconcile) -> None:
    write(house.root, {"environments/prod.yaml": ""})
    found = status(reconcile, house, "2054-12-01T03:00Z", "--env", "prod")
    assert found["nextCommand"] == f"reconcile -C {house.root} run --select box/audience/us --env prod"
    assert found["nextCommands"] == [found["nextCommand"]]


def test_lines_are_as_wide_as_the_terminal_and_commands_are_whole(house: House) -> None:
    flow = flow_status(house.head().document, SLOT + 2 * DAY)
    shell = Shell(directory="/a/very/long/path/to/a/project" * 3)
    lines = as_text([flow], shell=shell, width=40).splitlines()
    assert max(len(line) for line in lines if "reconcile" not in line) == 40
    assert any(line.endswith("run --select box/audience/us") for line in lines)
    assert max(map(len, as_text([flow], shell=shell).splitlines())) > 80


# status --watch -------------------------------------------------------------------------------------------------------

WATCHING = """
import sys
from reconciler.cli import main, status
status.EVERY = 0.05
main.main(sys.argv[1:])
"""


@contextmanager
def watching(house: House, *arguments: str) -> Iterator[subprocess.Popen[str]]:
    """`status --watch` in a process of its own, looking often."""
    with subprocess.Popen(
        [sys.executable, "-c", WATCHING, "-C", str(house.root), "status", "--watch", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def test_a_watch_tells_what_changes_until_it_is_ended(house: House) -> None:
    with watching(house, "--format", "json") as process:
        assert process.stdout is not None
        (first,) = json.loads(process.stdout.readline())["flows"]
        assert first["lastRun"] is None
        export(house)
        while (flow := json.loads(process.stdout.readline())["flows"][0])["lastRun"] is None:
            pass  # claimed, decided: each is told
        assert flow["lastRun"]["rows"] == 2
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=60)[0] == ""
        assert process.returncode == 130


def test_a_watch_goes_on_when_a_look_fails(house: House) -> None:
    with watching(house) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert "box/us" in process.stdout.readline()
        head = next((house.root / "ledger").rglob("us*"))
        document = head.read_bytes()
        head.write_bytes(b"torn")
        assert process.stderr.readline().startswith("L110 ")
        head.write_bytes(document)
        process.terminate()
        process.communicate(timeout=60)
        assert process.returncode == 143


def test_a_watch_of_nothing_is_an_error(tmp_path: Path, reconcile: Reconcile) -> None:
    write(tmp_path, {"project.yaml": document("Project", "test", "{ledger: {url: 'file://ledger'}}")})
    assert reconcile("-C", tmp_path, "status", "--watch").code == 5
    assert reconcile("-C", tmp_path, "status", "--watch", "--at", AT).code == 64


def test_what_failed_on_demand_is_tried_again_on_demand(house: House) -> None:
    export(house)
    gone = Condition(type="failed", code="F118", sentence="a file that was exported is gone", at=SLOT, slot=SLOT)
    head = transitions.conditioned(house.head().document, gone, nonce="n")
    idle, due = (flow_status(head, SLOT + hours * timedelta(hours=1)) for hours in (1, 25))
    # While nothing is due, a run would do nothing.
    assert idle.next_commands == (("explain", "F118"), ("export", "box/us"))
    assert due.next_commands == (("explain", "F118"), ("run", "--select", str(FLOW)))


# history --------------------------------------------------------------------------------------------------------------


def history(reconcile: Reconcile, house: House, *more: str) -> Outcome:
    found = reconcile("-C", house.root, "history", *more)
    assert (found.code, found.err) == (0, "")
    return found


def test_runs_newest_first(house: House, reconcile: Reconcile) -> None:
    assert history(reconcile, house).out == "No runs yet.\n"
    export(house)
    house.put("b.csv", [("4", "US")])
    export(house, 1)
    newest, oldest = history(reconcile, house, "box/us").out.splitlines()
    assert newest.startswith("2054-12-03 02:00 UTC  box/us  increment   1 row  1 file")
    assert oldest.startswith("2054-12-02 02:00 UTC  box/us  full       2 rows  1 file")
    data = json.loads(history(reconcile, house, "--format", "json", "-n", "1").out)
    (run,) = data["runs"]
    assert (run["slot"], run["rows"], run["outcome"], data["total"]) == ("2054-12-03T02:00Z", 1, "exported", 2)
    one = history(reconcile, house, "box/us", "--select", "b*", "-n", "1").out
    everything = f"reconcile -C {house.root} history box/us --select 'b*' -n 2"
    assert one.endswith(f"2 runs; the newest 1 are shown. All: {everything}\n")
    assert len(reconcile(*shlex.split(everything)[1:]).out.splitlines()) == 2


def test_how_long_a_run_took_is_said_only_where_it_was_recorded(house: House, reconcile: Reconcile) -> None:
    record = export(house)
    later = record.model_copy(update={"run_id": "r00000000000000zz", "finished_at": SLOT + timedelta(seconds=90)})
    quick = record.model_copy(update={"run_id": "r00000000000000yy", "finished_at": SLOT + timedelta(seconds=0.6)})
    for each in (later, quick):
        house.ledger.create(keys.run(FLOW, SLOT, each.run_id), each)
    runs = json.loads(history(reconcile, house, "--format", "json").out)["runs"]
    assert [each["durationSeconds"] for each in runs] == [90, 0.6, None]
    assert " 1:30 min  exported" in history(reconcile, house).out


# verify ---------------------------------------------------------------------------------------------------------------


def test_what_was_exported_is_as_recorded(house: House, reconcile: Reconcile) -> None:
    export(house)
    found = reconcile("-C", house.root, "verify")
    assert (found.code, found.out) == (0, "1 run, 2 files verified: all as recorded\n")


def test_missing_and_changed_files_are_found(house: House, reconcile: Reconcile) -> None:
    export(house)
    file = part(house)
    content = file.read_bytes()
    file.write_bytes(content.replace(b"1", b"7"))
    assert verify(reconcile, house) == (1, [("changed", file.name)])
    file.write_bytes(content + b"9\n")
    assert verify(reconcile, house) == (1, [("changed", file.name)])
    file.unlink()
    assert verify(reconcile, house) == (1, [("missing", file.name)])


def test_what_is_damaged_can_be_sent_again_by_the_command_that_is_shown(house: House, reconcile: Reconcile) -> None:
    export(house)
    part(house).unlink()
    found = reconcile("-C", house.root, "verify")
    command = found.out.splitlines()[-1].strip()
    assert command.startswith(f"reconcile -C {house.root} export box/audience/us --again r")
    again = reconcile(*shlex.split(command)[1:])
    assert (again.code, "2 rows" in again.out) == (0, True)


def test_a_manifest_that_says_something_else_is_changed(house: House, reconcile: Reconcile) -> None:
    export(house)
    (manifest,) = (house.root / "out").rglob("_manifest-*.json")
    manifest.write_text(manifest.read_text().replace('"rows": 2', '"rows": 3'))
    assert verify(reconcile, house) == (1, [("changed", manifest.name)])
    manifest.unlink()
    assert verify(reconcile, house) == (1, [("missing", manifest.name)])


def test_unknown_files_and_leftovers_are_found_and_kept(house: House, reconcile: Reconcile) -> None:
    export(house)
    stranger = part(house).with_name("stranger.csv")
    stranger.write_text("id\n")
    sink = LocalDestination(house.root / "out").stage("r0000000000000009", "us/part-r0000000000000009.csv")
    sink.write(b"x")
    sink.finish(1)
    code, problems = verify(reconcile, house, "--destination", "box")
    assert code == 1
    assert problems == [("unknown", "stranger.csv"), ("leftover", "part-r0000000000000009.csv")]
    assert stranger.exists()


def test_files_that_another_run_put_into_the_same_folder_are_known(house: House, reconcile: Reconcile) -> None:
    record = export(house)
    other = part(house).with_name("part-of-another.csv")
    other.write_bytes(part(house).read_bytes())
    file = record.files[0].model_copy(update={"path": f"{record.folder}/{other.name}"})
    twin = record.model_copy(update={"flow": "box/audience/uk", "files": (file,), "manifest": None})
    house.ledger.create(f"{keys.RUNS}box/audience/uk/205412020200-{record.run_id}", twin)
    assert verify(reconcile, house, "box/us") == (0, [])


def test_a_purged_flow_is_not_missing(house: House, reconcile: Reconcile) -> None:
    export(house)
    part(house).unlink()
    head = house.head()
    gone = {"state": "removed", "spec": head.document.spec.model_copy(update={"on_remove": "purge"})}
    house.ledger.swap(head, head.document.model_copy(update=gone))
    found = reconcile("-C", house.root, "verify")
    assert found.code == 0
    assert "box/audience/us was removed" in found.out


def test_a_write_only_destination_is_said_to_be_unverifiable(
    house: House, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = export(house)
    monkeypatch.setattr(LocalDestination, "capabilities", Capabilities(readable=False, deletable=False))
    part(house).unlink()
    found = reconcile("-C", house.root, "verify")
    assert found.code == 0
    assert "box can only be written to" in found.out
    assert "nothing to verify" in found.out
    assert verify_run(record, record.spec.destination, house.context().open_destination).checked is None


def test_now_is_the_default_time(house: House, reconcile: Reconcile) -> None:
    found = reconcile("-C", house.root, "status", "--format", "json")
    at = datetime.fromisoformat(json.loads(found.out)["at"])
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
