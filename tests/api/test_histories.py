"""Random histories against `tests.api.nights`: over any of them a reader has received what the strategy's definition says, once.

Files come, are rewritten and vanish; rows are updated; people opt out, withdraw their consent, expire; filters and columns are edited
and applied; flows are suspended; slots are missed; calls die at an effect and are followed by the next. Every export is compared with
the model's, row by row, whenever nothing is left half done; what is at the destination is looked at after every call.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis import HealthCheck, Phase, given, settings

import reconciler
import reconciler.destinations.open as destinations
import reconciler.stores.open as stores
from reconciler.destinations.base import DESTINATION_EFFECTS
from reconciler.ledger.store import STORE_EFFECTS
from tests.api.drawn import FIRST, NIGHTS, RULES, Edit, Night, OptOut, Person, Vanish, Write
from tests.api.nights import DAY, FILTERS, Export, File, Model, Rules, State, World, canonical
from tests.faults import look
from tests.faults.mine import Mine, Mined
from tests.faults.place import DIFF_KEY, Place
from tests.faults.points import ALL

START = datetime(2026, 12, 1, tzinfo=UTC)
SLOTS = [START + timedelta(days=day, hours=2) for day in range(40)]
FLOW = "box/audience/them"
WHERES = list(FILTERS)

# Dying ------------------------------------------------------------------------------------------------------------------


class Dies(BaseException):
    """The process ends here."""


class Mortal(Mine):
    """Dies in this process at its effect, and stays dead: no `finally` on the way out changes anything any more."""

    dead = False

    def around(self, level: object, name: str, effect: Callable[..., Any], *arguments: Any, **named: Any) -> Any:
        if self.dead:
            raise Dies
        self.names.append(name)
        here = len(self.names) == self.at
        result = None if here and self.before else effect(*arguments, **named)
        if here:
            self.dead = True
            raise Dies
        return result


@contextmanager
def dying(at: int, before: bool) -> Iterator[Mortal]:
    """Ports made in this block die at an effect (from 1; 0: never) or, if there are fewer, not at all."""
    mortal = Mortal(at=at, before=before)
    open_destination, open_store = destinations.open_destination, stores.open_store
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            destinations,
            "open_destination",
            lambda *a, **n: Mined(open_destination(*a, **n), DESTINATION_EFFECTS, mortal),
        )
        patch.setattr(stores, "open_store", lambda *a, **n: Mined(open_store(*a, **n), STORE_EFFECTS, mortal))
        yield mortal


@pytest.fixture(scope="module", autouse=True)
def _patched() -> Iterator[None]:
    """Leases are over at once: nobody waits for a dead runner's."""
    from reconciler.apply.context import Context

    lasting = Context.new_lease

    def over(context: Context) -> Any:
        lease = lasting(context)
        return lease.model_copy(update={"until": lease.until - timedelta(days=1)})

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Context, "new_lease", over)
        patch.setenv(DIFF_KEY, "correct horse battery staple")
        yield


# Where it happens ---------------------------------------------------------------------------------------------------------


class Shop:
    """A project in a folder, and beside it what the model says of it."""

    def __init__(self, root: Path, rules: Rules, first: list[list[Person]]) -> None:
        self.place, self.rules = Place(str(root)), rules
        self.data, self.aside, self.lists = root / "data", root / "aside", root / "lists"
        for folder in (self.data, self.aside, self.lists):
            folder.mkdir(parents=True)
        self.world, self.model = World(), Model(rules, START, WHERES[0])
        self.where, self.wide, self.suspended = WHERES[0], True, False
        self.writings, self.kept = 0, dict[str, File]()
        self.awaited: list[Export] = []
        self.checked: set[str] = set()
        for number, people in enumerate(first):  # the first before the flow was there
            self.write(Write(tuple(people), "b", False, None), SLOTS[0] - timedelta(hours=0 if number else 3))
        self.write_list(SLOTS[0] - DAY)
        self.project = reconciler.Project.open(self.declared())
        self.apply(START, None)

    # The source ----------------------------------------------------------------------------------------------------------

    def write(self, event: Write, slot: datetime) -> None:
        names = sorted(self.world.files)
        over = None if event.over is None or not names else names[event.over % len(names)]
        self.writings += 1
        name = over or f"{event.letter}{self.writings:03}.json"
        modified = slot - timedelta(minutes=5 if event.young else 50, seconds=self.writings % 60)
        rows = tuple(each.row(slot) for each in event.people)
        text = "".join(json.dumps(row, default=datetime.isoformat) + "\n" for row in rows)
        path = self.data / name
        if over and over not in self.kept:
            path.rename(self.aside / over)
            self.kept[over] = self.world.files[over]
        path.write_text(text)
        os.utime(path, (modified.timestamp(), modified.timestamp()))
        self.world.files[name] = File(self.writings, rows, modified)
        self.model.modified[self.writings] = modified

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

    def put_back(self) -> None:
        """Every file that was exported, as it was then."""
        for name, serial in self.model.state.pinned.items():
            if name in self.kept and self.kept[name].serial == serial:
                (self.aside / name).replace(self.data / name)
                self.world.files[name] = self.kept.pop(name)

    def write_list(self, modified: datetime) -> None:
        path = self.lists / "list.json"
        assert self.world.opted_out is not None
        path.write_text("".join(json.dumps({"email": each}) + "\n" for each in sorted(self.world.opted_out)))
        os.utime(path, (modified.timestamp(), modified.timestamp()))

    @contextmanager
    def away(self, what: Literal["list", "data"] | None) -> Iterator[None]:
        """The list, or all data, isn't there meanwhile."""
        files, opted_out = self.world.files, self.world.opted_out
        folder = {"list": self.lists, "data": self.data, None: None}[what]
        hidden = None if folder is None else folder.rename(f"{folder}-away")
        if folder is not None:
            folder.mkdir()
        if what == "list":
            self.world.opted_out = None
        if what == "data":
            self.world.files = {}
        yield
        if folder is not None and hidden is not None:
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
        text = _PROJECT.format(
            incremental=f"{{{incremental}, settle: 30m}}",
            latest="latestBy: at" if self.rules.latest else "",
            where=self.where,
            score=", score" if self.wide else "",
            suspend=str(self.suspended).lower(),
            mode="full" if self.rules.strategy == "full" else "incremental",
            backfill=self.rules.backfill,
            catch_up=self.rules.catch_up,
        )
        self.place.project.write_text(text)
        return Path(self.place.root)

    def edit(self, event: Edit, now: datetime) -> None:
        if event.what == "filter":
            self.where = WHERES[event.to]
        elif event.what == "columns" and self.rules.strategy == "diff":
            self.wide = not self.wide
        elif event.what == "suspend":
            self.suspended = not self.suspended
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
        self.model.applied(self.where, self.wide, self.suspended)
        look.check_instant(self.place, "applied")

    def run(self, now: datetime, dies: tuple[int, bool] | None = None) -> frozenset[str]:
        """One call of `run`; the refusal, if there is one."""
        with dying(*(dies or (0, True))) as mortal:
            try:
                events = self.project.run(at=now)
            except Dies:
                events = ()
        look.check_instant(self.place, ("run", now, dies))
        if mortal.dead:
            self.died(now)
            return frozenset()
        found = frozenset(each.error.code for each in events if isinstance(each, reconciler.NotExported))
        for slot in self.model.due(SLOTS, now):
            wanted = self.model.export(self.world, slot, now)
            if isinstance(wanted, frozenset):
                assert found, (slot, "should have been refused", wanted)
                assert found <= wanted, (slot, found, wanted, events)
                self.settled(now)
                return found
            self.commit(*wanted)
        assert not found, (now, events)
        self.settled(now)
        return frozenset()

    def died(self, now: datetime) -> None:
        """What was decided counts: it is completed, whatever happens next. What wasn't never happened."""
        documents = look.ledger(self.place)
        decided = {each["slot"]: each for key, each in documents.items() if key.startswith("runs/")}
        run = look.heads(documents)[FLOW].get("open")
        if run and run["phase"] == "publishing":
            decided[run["slot"]] = run
        for slot in self.model.due(SLOTS, now):
            if f"{slot:%Y-%m-%dT%H:%MZ}" not in decided:
                return
            wanted = self.model.export(self.world, slot, now)
            assert not isinstance(wanted, frozenset), (slot, "was decided and should have been refused", wanted)
            self.commit(*wanted)

    def demand(self, now: datetime, demand: Literal["new", "full"]) -> None:
        """An export that a person asks for."""
        wanted = self.model.export(self.world, now, now, demand=demand)
        with contextlib.ExitStack() as refusal:
            if isinstance(wanted, frozenset):
                found = refusal.enter_context(pytest.raises(reconciler.ReconcilerError))
            self.project.export("box/them", full=demand == "full", at=now)
        if isinstance(wanted, frozenset):
            assert found.value.code in wanted, (now, wanted)
        else:
            self.commit(*wanted)
        self.settled(now)

    # What a reader sees -----------------------------------------------------------------------------------------------------

    def commit(self, export: Export, state: State) -> None:
        self.awaited.append(export)
        self.model.state = state

    def settled(self, now: datetime) -> None:
        """Nothing half done; and everything that is new is what the model awaited, in the order of its slots."""
        look.check_settled(self.place, now)
        seen = look.destination(self.place)
        new = {name: each for name, each in seen.manifests.items() if name not in self.checked}
        self.checked |= new.keys()
        found = [_read(seen, name, each) for name, each in sorted(new.items(), key=lambda item: item[1]["slot"])]
        assert [(each.slot, each.kind) for each in found] == [(each.slot, each.kind) for each in self.awaited], now
        for is_, should in zip(found, self.awaited, strict=True):
            assert is_.rows == should.rows, (now, self.rules)
            assert _without_unknown(is_.removals, should.removals) == _known(should.removals), (now, self.rules)
            if should.excluded is not None:
                assert is_.excluded == should.excluded, (now, self.rules)
        self.awaited.clear()


def _read(seen: look.Seen, name: str, manifest: dict[str, Any]) -> Export:
    folder = name.rpartition("/")[0]

    def rows(files: list[dict[str, Any]]) -> Counter[str]:
        lines = [line for each in files for line in seen.files[f"{folder}/{each['path']}"].decode().splitlines()]
        return Counter(canonical(json.loads(line)) for line in lines)

    removed = rows(manifest.get("removedFiles") or [])
    slot = datetime.fromisoformat(manifest["slot"])
    return Export(slot, manifest["kind"], rows(manifest["files"]), removed, manifest.get("excluded", {}))


def _unknown(removals: Counter[str]) -> set[str]:
    return {row["id"] for row in map(json.loads, removals) if row["reason"] == "?"}


def _known(removals: Counter[str]) -> Counter[tuple[str, str]]:
    return Counter((row["id"], row["reason"]) for row in map(json.loads, removals.elements()))


def _without_unknown(is_: Counter[str], should: Counter[str]) -> Counter[tuple[str, str]]:
    """Reasons that the model can't tell are taken as they come."""
    unknown = _unknown(should)
    return Counter((key, "?" if key in unknown else reason) for key, reason in _known(is_).elements())


# A history ----------------------------------------------------------------------------------------------------------------


def live(shop: Shop, nights: list[Night]) -> None:
    """All nights; then the flow is resumed, everything is put back, and two more pass without a mishap."""
    number = -1
    for night in nights:
        number += 1 + night.missed
        slot = SLOTS[number]
        _evening(shop, night, slot)
        now = slot + timedelta(minutes=night.late)
        with shop.away(night.away):
            refused = shop.run(now, night.dies)
            if night.dies and night.again:
                refused = shop.run(now)
        if refused & {"F118", "F119"}:
            if night.start_over:
                shop.demand(now + timedelta(minutes=31), "full")
            else:
                shop.put_back()
                shop.run(now)
        if night.demand and not shop.awaited:
            shop.demand(now + timedelta(minutes=40), night.demand)
    if shop.suspended:
        shop.edit(Edit("suspend", 0, None), SLOTS[number + 1] - timedelta(hours=1))
    shop.put_back()
    for slot in SLOTS[number + 1 : number + 3]:
        shop.run(slot)
    assert not shop.awaited


def _evening(shop: Shop, night: Night, slot: datetime) -> None:
    for event in night.events:
        match event:
            case Write():
                shop.write(event, slot)
            case Vanish():
                shop.vanish(event)
            case OptOut(number):
                assert shop.world.opted_out is not None
                shop.world.opted_out.add(f"e{number // 2}@x.de")
                shop.write_list(slot - timedelta(minutes=40))
            case Edit():
                shop.edit(event, slot - timedelta(minutes=30))


@pytest.mark.parametrize("strategy", RULES)
def test_any_history_gives_what_the_definition_says(strategy: str) -> None:
    @settings(
        max_examples=300 if ALL else 8,
        derandomize=not ALL,
        phases=(Phase.explicit, Phase.reuse, Phase.generate, *([Phase.shrink] if ALL else [])),
        suppress_health_check=list(HealthCheck),
    )
    @given(rules=RULES[strategy], first=FIRST, nights=NIGHTS)
    def lived(rules: Rules, first: list[list[Person]], nights: list[Night]) -> None:
        root = Path(tempfile.mkdtemp(prefix="histories-"))
        try:
            live(Shop(root, rules, first), nights)
        finally:
            shutil.rmtree(root)

    lived()


def test_missed_slots_follow_at_once_what_a_dead_runner_had_decided(tmp_path: Path) -> None:
    """Under `catchUp: all` too, where the slot that is due is the one that was decided."""
    people = [Person(each, "US", 1, 0, -30 + 20 * each, "yes") for each in range(4)]
    for at in range(1, 30):
        shop = Shop(tmp_path / str(at), Rules("cursor", catch_up="all"), [people])
        shop.run(SLOTS[0], (at, False))
        if shop.awaited:
            break
    assert look.heads(look.ledger(shop.place))[FLOW]["open"]["phase"] == "publishing"
    shop.run(SLOTS[2])
    assert len(shop.checked) == 3


_PROJECT = """\
apiVersion: reconciler/v1
kind: Project
metadata: {{name: shop}}
spec: {{ledger: {{url: "file://ledger", simulated: true}}}}
---
apiVersion: reconciler/v1
kind: Destination
metadata: {{name: box}}
spec:
  type: local
  connection: {{path: out}}
  format: {{type: json, compression: none}}
  files: {{maxRows: 3}}
  marketingActions: [email-targeting]
---
apiVersion: reconciler/v1
kind: Dataset
metadata: {{name: people}}
spec:
  location: data
  format: json
  columns:
    prospect_id: {{type: string}}
    email: {{type: string}}
    country: {{type: string}}
    score: {{type: int}}
    seen: {{type: timestamp}}
    at: {{type: timestamp}}
    consent: {{type: string}}
  primaryKey: [prospect_id]
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
kind: Audience
metadata: {{name: them}}
spec: {{dataType: prospects, dataset: people, where: "{where}"}}
---
apiVersion: reconciler/v1
kind: Schedule
metadata: {{name: nightly}}
spec: {{frequency: daily, time: "02:00", catchUp: {catch_up}}}
---
apiVersion: reconciler/v1
kind: Activation
metadata: {{name: nightly}}
spec:
  destination: box
  schedule: nightly
  audiences: [them]
  mode: {mode}
  backfill: {backfill}
  suspend: {suspend}
  columns: [{{column: prospect_id, as: id}}, {{column: country, as: land, transform: lower}}{score}]
"""
