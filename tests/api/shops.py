"""A project that lives through a history, and every call of it compared with the models of `tests.api.nights`."""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import polars as pl
import pytest

import reconciler
from tests.api.drawn import Edit, Person, Vanish, Write
from tests.api.mortal import Dies, dying
from tests.api.nights import DAY, FILTERS, Applied, Export, File, Model, Row, Rules, State, World
from tests.api.received import as_export, as_far_as_known, by_reason
from tests.faults import look
from tests.faults.place import DIFF_KEY, Place, cloud_account, ledger

START = datetime(2054, 12, 1, tzinfo=UTC)
SLOTS = [START + timedelta(days=day, hours=2) for day in range(40)]
WHERES = list(FILTERS)

BASIC = frozenset({"prospect_id", "email", "country", "score", "seen", "at", "consent"})
TYPES = {
    "prospect_id": pl.String(), "email": pl.String(), "country": pl.String(), "score": pl.Int32(), "seen": pl.Datetime("us", "UTC"),
    "at": pl.Datetime("us", "UTC"), "consent": pl.String(), "extra": pl.String(), "news": pl.String(),
}  # fmt: skip


class Lived:
    """One flow: what the model says of it, and what was seen. `awaited`: decided and not yet seen; `checked`: manifests."""

    def __init__(self, destination: str, audience: str, model: Model) -> None:
        self.destination, self.audience, self.model = destination, audience, model
        self.awaited: list[Export] = []
        self.checked: set[str] = set()

    @property
    def id(self) -> str:
        return f"{self.destination}/audience/{self.audience}"


class Shop:
    """A project in a folder, and beside it what the models say of it."""

    def __init__(self, place: Place, rules: Rules, first: list[list[Person]]) -> None:
        self.place, self.rules, root = place, rules, Path(place.root)
        self.data, self.aside, self.lists = root / "data", root / "aside", root / "lists"
        for folder in (self.data, self.aside, self.lists):
            folder.mkdir(parents=True)
        self.world, self.modified = World(), dict[int, datetime]()
        self.is_ = Applied(WHERES[0], declared=BASIC)
        self.flow = Lived("box", "them", Model(rules, START, self.is_, self.modified))
        self.flows = [self.flow]
        if rules.several:
            self.flows.append(Lived("bin", "others", Model(rules, START, self._others(), self.modified)))
        self.writings, self.kept = 0, dict[str, File]()
        for number, people in enumerate(first):  # the first before the flow was there
            self.write(Write(tuple(people), "b", False, None), SLOTS[0] - timedelta(hours=0 if number else 3))
        self.write_list(SLOTS[0] - DAY)
        self.project = reconciler.Project.open(self.declared())
        self.apply(START, None)

    def _others(self) -> Applied:
        """The second flow has columns and a filter of its own; the dataset is the same."""
        return replace(self.is_, where=WHERES[1], wide=False, extra=False, suspended=False)

    @property
    def awaits(self) -> bool:
        return any(flow.awaited for flow in self.flows)

    # The source ----------------------------------------------------------------------------------------------------------

    def write(self, event: Write, slot: datetime) -> None:
        names = sorted(self.world.files)
        over = None if event.over is None or not names else names[event.over % len(names)]
        self.writings += 1
        name = over or f"{event.letter}{self.writings:03}.{self.rules.form}"
        modified = slot - timedelta(minutes=5 if event.young else 50, seconds=self.writings % 60)
        more = {"extra": f"x{self.writings}"} if "extra" in self.is_.declared else {}
        more |= {"news": "n"} if event.stray else {}
        rows = tuple(each.row(slot, more, 2**33 if self.is_.long else 1) for each in event.people)
        path = self.data / name
        if over and over not in self.kept:
            path.rename(self.aside / over)
            self.kept[over] = self.world.files[over]
        self._put(path, rows)
        os.utime(path, (modified.timestamp(), modified.timestamp()))
        self.world.files[name] = File(self.writings, rows, modified)
        self.modified[self.writings] = modified

    def _put(self, path: Path, rows: tuple[Row, ...]) -> None:
        if self.rules.form == "json":
            path.write_text("".join(json.dumps(row, default=datetime.isoformat) + "\n" for row in rows))
            return
        kinds = TYPES | ({"score": pl.Int64()} if self.is_.long else {})
        pl.DataFrame(rows, schema={name: kinds[name] for name in rows[0]}).write_parquet(path)

    def vanish(self, event: Vanish) -> None:
        names = sorted(self.world.files)
        if len(names) < 2:
            return
        name = names[event.which % len(names)]
        file = self.world.files.pop(name)
        if name in self.kept:
            (self.data / name).unlink()
        else:
            (self.data / name).rename(self.aside / name)
            self.kept[name] = file

    def put_back(self, flow: Lived) -> None:
        """Every file that a flow exported, as it was then."""
        for name, serial in flow.model.state.pinned.items():
            if name in self.kept and self.kept[name].serial == serial:
                (self.aside / name).replace(self.data / name)
                self.world.files[name] = self.kept.pop(name)

    def write_list(self, modified: datetime) -> None:
        path = self.lists / "list.json"
        assert self.world.opted_out is not None
        path.write_text("".join(json.dumps({"email": each}) + "\n" for each in sorted(self.world.opted_out)))
        os.utime(path, (modified.timestamp(), modified.timestamp()))

    @contextmanager
    def away(self, what: Literal["list", "data", "bin"] | None) -> Iterator[None]:
        """The list, all data, or the second flow's destination isn't there meanwhile."""
        files, opted_out = self.world.files, self.world.opted_out
        root = Path(self.place.root)
        folder = {"list": self.lists, "data": self.data, "bin": self.folder("bin"), None: None}[what]
        if folder is None or not folder.exists():
            yield
            return
        hidden = folder.rename(root / "away")
        if what != "bin":
            folder.mkdir()
        if what == "list":
            self.world.opted_out = None
        if what == "data":
            self.world.files = {}
        yield
        if what != "bin":
            folder.rmdir()
        hidden.rename(folder)
        self.world.files, self.world.opted_out = files, opted_out

    # Calls ---------------------------------------------------------------------------------------------------------------

    def declared(self) -> Path:
        told = f"changes: {{removed: {self.rules.removed}, operationColumn: op, secret: {{fromEnv: {DIFF_KEY}}}}}"
        incremental = {
            "files": "strategy: files",
            "full": "strategy: files",
            "cursor": f"strategy: cursor, column: at, lag: {self.rules.lag}h",
            "diff": f"strategy: diff, {told}",
        }[self.rules.strategy]
        optional = [name for name in ("extra", "news") if name in self.is_.declared]
        text = _PROJECT.format(
            form=self.rules.form,
            score="long" if self.is_.long else "int",
            optional="".join(f"    {name}: {{type: string, optional: true}}\n" for name in optional),
            incremental=f"{{{incremental}, settle: 30m, contract: {self.rules.contract}}}",
            latest="latestBy: at" if self.rules.latest else "",
            catch_up=self.rules.catch_up,
            ledger=ledger(self.place),
            account=cloud_account(self.place),
            box=self.connection("box"),
            bin=self.connection("bin"),
        )
        for flow, is_ in zip(self.flows, (self.is_, self._others()), strict=False):
            text += _FLOW.format(
                audience=flow.audience,
                destination=flow.destination,
                where=is_.where,
                more=(", score" if is_.wide else "") + (", extra" if is_.extra else ""),
                suspend=str(is_.suspended).lower(),
                mode="full" if self.rules.strategy == "full" else "incremental",
                backfill=self.rules.backfill,
            )
        self.place.project.write_text(text)
        return Path(self.place.root)

    def connection(self, destination: str) -> str:
        """Where a destination is, as the project says it."""
        if not self.place.destination_in_s3:
            return f"type: local, connection: {{path: out/{destination}}}"
        there = f'bucket: {self.place.bucket}, path: "{self.place.prefix}/out/{destination}"'
        return f"type: s3, account: cloud, connection: {{{there}}}"

    def edit(self, event: Edit, now: datetime) -> None:
        is_ = self.is_
        match event.what:
            case "filter":
                self.is_ = replace(is_, where=WHERES[event.to])
            case "columns":
                self.is_ = replace(is_, wide=not is_.wide)
            case "suspend":
                self.is_ = replace(is_, suspended=not is_.suspended)
            case "extra":
                self.is_ = replace(is_, extra=not is_.extra, declared=is_.declared | {"extra"})
            case "widen":
                self.is_ = replace(is_, long=True)
            case "agree":
                self.is_ = replace(is_, declared=is_.declared | {"news"})
        self.declared()
        self.apply(now, event.dies)

    def apply(self, now: datetime, dies: tuple[int, bool] | None) -> None:
        def call() -> None:
            plan = self.project.plan(at=now)
            assert not plan.refusals, plan.refusals
            done = self.project.apply(plan, at=now, exports=False)
            assert all(type(each).__name__ == "Done" for each in done.results), done.results

        with dying(*(dies or (0, True))) as mortal:
            try:
                call()
            except Dies:
                look.check_instant(self.place, "an apply died")
        if mortal.dead:
            call()
        for flow, is_ in zip(self.flows, (self.is_, self._others()), strict=False):
            flow.model.applied(is_)
        look.check_instant(self.place, "applied")

    def run(self, now: datetime, dies: tuple[int, bool] | None = None) -> dict[str, frozenset[str]]:
        """One call of `run`; the refusals of each flow, if there are any."""
        with dying(*(dies or (0, True))) as mortal:
            try:
                events = self.project.run(at=now)
            except Dies:
                events = ()
        look.check_instant(self.place, ("run", now, dies))
        if mortal.dead:
            for flow in self.flows:
                self.died(flow, now)
            return {}
        refused = {flow.id: self.ran(flow, events, now) for flow in self.flows}
        # What was staged at a place that is gone waits there.
        if all(self.there(flow) for flow in self.flows):
            self.settled(now)
        return refused

    def there(self, flow: Lived) -> bool:
        """Whether a flow's destination is."""
        folder = self.folder(flow.destination)
        return folder is None or folder.exists()

    def folder(self, destination: str) -> Path | None:
        """A destination's, if it is one."""
        return None if self.place.destination_in_s3 else Path(self.place.root, "out", destination)

    def ran(self, flow: Lived, events: Sequence[Any], now: datetime) -> frozenset[str]:
        """What a call that ended by itself made of one flow's exports: all that the model says, or the first of them refused."""
        found = frozenset(
            each.error.code for each in events if isinstance(each, reconciler.NotExported) and each.flow == flow.id
        )
        lost = set[str]() if self.there(flow) else {"D102"}
        for slot in flow.model.due(SLOTS, now):
            wanted = flow.model.export(self.world, slot, now)
            if lost or isinstance(wanted, frozenset):
                allowed = lost | (wanted if isinstance(wanted, frozenset) else frozenset())
                assert found, (flow.id, slot, "should have been refused", allowed)
                assert found <= allowed, (flow.id, slot, found, allowed, events)
                return found
            commit(flow, *wanted)
        assert not found, (flow.id, now, events)
        return found

    def died(self, flow: Lived, now: datetime) -> None:
        """What was decided counts: it is completed, whatever happens next. What wasn't never happened."""
        documents = look.ledger(self.place)
        decided = {each["slot"] for key, each in documents.items() if key.startswith(f"runs/{flow.id}/")}
        run = look.heads(documents)[flow.id].get("open")
        if run and run["phase"] == "publishing":
            decided.add(run["slot"])
        for slot in flow.model.due(SLOTS, now):
            if f"{slot:%Y-%m-%dT%H:%MZ}" not in decided:
                return
            wanted = flow.model.export(self.world, slot, now)
            assert not isinstance(wanted, frozenset), (slot, "was decided and should have been refused", wanted)
            commit(flow, *wanted)

    def demand(self, flow: Lived, now: datetime, demand: Literal["new", "full"]) -> None:
        """An export that a person asks for."""
        wanted = flow.model.export(self.world, now, now, demand=demand)
        with contextlib.ExitStack() as refusal:
            if isinstance(wanted, frozenset):
                found = refusal.enter_context(pytest.raises(reconciler.ReconcilerError))
            self.project.export(f"{flow.destination}/{flow.audience}", full=demand == "full", at=now)
        if isinstance(wanted, frozenset):
            assert found.value.code in wanted, (now, wanted)
        else:
            commit(flow, *wanted)
        self.settled(now)

    # What readers see ------------------------------------------------------------------------------------------------------

    def settled(self, now: datetime) -> None:
        """Nothing half done; and everything that is new is what the models awaited, in the order of its slots."""
        look.check_settled(self.place, now)
        seen = look.destination(self.place)
        for flow in self.flows:
            new = {
                name: each
                for name, each in seen.manifests.items()
                if name.startswith(f"{flow.destination}/") and name not in flow.checked
            }
            flow.checked |= new.keys()
            found = [
                as_export(seen, name, each) for name, each in sorted(new.items(), key=lambda item: item[1]["slot"])
            ]
            assert [(each.slot, each.kind) for each in found] == [(each.slot, each.kind) for each in flow.awaited], now
            for is_, should in zip(found, flow.awaited, strict=True):
                assert is_.rows == should.rows, (flow.id, now, self.rules)
                assert as_far_as_known(is_.removals, should.removals) == by_reason(should.removals), (
                    now,
                    self.rules,
                )
                if should.excluded is not None:
                    assert is_.excluded == should.excluded, (flow.id, now, self.rules)
            flow.awaited.clear()


def commit(flow: Lived, export: Export, state: State) -> None:
    """It is decided."""
    flow.awaited.append(export)
    flow.model.state = state


_PROJECT = """\
apiVersion: reconciler/v1
kind: Project
metadata: {{name: shop}}
spec: {{ledger: {{{ledger}, simulated: true}}}}
{account}---
apiVersion: reconciler/v1
kind: Destination
metadata: {{name: box}}
spec: {{{box}, format: {{type: json, compression: none}}, files: {{maxRows: 3}}, marketingActions: [email-targeting]}}
---
apiVersion: reconciler/v1
kind: Destination
metadata: {{name: bin}}
spec: {{{bin}, format: {{type: json, compression: none}}, files: {{maxRows: 3}}, marketingActions: [email-targeting]}}
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {{name: people}}
spec:
  location: data
  format: {form}
  columns:
    prospect_id: {{type: string}}
    email: {{type: string}}
    country: {{type: string}}
    score: {{type: {score}}}
    seen: {{type: timestamp}}
    at: {{type: timestamp}}
    consent: {{type: string}}
{optional}  primaryKey: [prospect_id]
  {latest}
  expiry: {{column: seen, after: 5d}}
  consent: {{column: consent, allow: {{email-targeting: ["yes"]}}}}
  incremental: {incremental}
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {{name: opt-outs}}
spec: {{location: lists, format: json, columns: {{email: {{type: string}}}}, incremental: {{settle: 0s}}}}
---
apiVersion: reconciler/v1
kind: Suppression
metadata: {{name: opted-out}}
spec: {{dataset: opt-outs, match: [{{list: email, column: email}}], unnotified: accept}}
---
apiVersion: reconciler/v1
kind: Schedule
metadata: {{name: nightly}}
spec: {{frequency: daily, time: "02:00", catchUp: {catch_up}}}
"""
_FLOW = """\
---
apiVersion: reconciler/v1
kind: Audience
metadata: {{name: {audience}}}
spec: {{dataType: prospects, dataset: people, where: "{where}"}}
---
apiVersion: reconciler/v1
kind: Activation
metadata: {{name: of-{audience}}}
spec:
  destination: {destination}
  schedule: nightly
  audiences: [{audience}]
  mode: {mode}
  backfill: {backfill}
  suspend: {suspend}
  columns: [{{column: prospect_id, as: id}}, {{column: country, as: land, transform: lower}}{more}]
"""
