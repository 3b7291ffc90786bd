"""What holds for the plan of any project over any ledger that projects before it left, renames and open runs included."""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from reconciler.config.desired import Desired
from reconciler.ledger import transitions
from reconciler.ledger.records import Actual, FlowHead
from reconciler.plan.bind import check_saved, save
from reconciler.plan.due import due
from reconciler.plan.plan import Export, MoveFlow, Plan, RemoveDestination, RemoveFlow, UpdateFlow
from reconciler.plan.planner import plan
from reconciler.present.plan_json import as_json
from reconciler.version import __version__
from tests.plan.every_kind import local
from tests.plan.planning import DATASET, NOW, PROJECT, SCHEDULE, activation, apply, audience, declared, exported, opened

NAMES = ("a", "b", "c", "d")
BOXES = ("box", "post")


@dataclass(frozen=True)
class Flow:
    """One audience on one destination; `formerly`: the name that it was renamed from."""

    to: str
    where: str
    more: str
    meta: str
    formerly: str | None = None


@dataclass(frozen=True)
class World:
    """A project. `box`, `post`: paths of the destinations, and whether `post` says that it was `box` and `box` is left out."""

    flows: tuple[tuple[str, Flow], ...]
    paths: tuple[str, str]
    protect: bool
    renamed: bool
    time: str

    def documents(self) -> list[str]:
        box, post = self.paths
        meta = "protect: true" if self.protect else ""
        boxes = [local("post", post, meta="renamedFrom: box")] if self.renamed else []
        boxes = boxes or [local("box", box, meta=meta), local("post", post)]
        found = [PROJECT, SCHEDULE.replace("02:00", self.time), DATASET, *boxes]
        for name, flow in self.flows:
            about = [flow.meta] if flow.meta else []
            about += [f"renamedFrom: {flow.formerly}"] if flow.formerly else []
            to = "post" if self.renamed else flow.to
            found.append(audience(name, f"country = '{flow.where}'", ", ".join(about)))
            found.append(activation(name, to=to, more=flow.more, name=f"bind-{name}"))
        return found

    def desired(self, order: int = 0) -> Desired:
        documents = self.documents()
        random.Random(order).shuffle(documents) if order else None
        with tempfile.TemporaryDirectory() as folder:
            return declared(Path(folder), *documents)


flows = st.builds(
    Flow,
    to=st.sampled_from(BOXES),
    where=st.sampled_from(("US", "DE")),
    more=st.sampled_from(("", "suspend: true", "mode: full", "columns: [id]", "onRemove: purge", "backfill: none")),
    meta=st.sampled_from(("", "", "protect: true", "id: own-folder")),
)


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Names, former ones among those that aren't there, none claimed twice."""
    found = draw(st.dictionaries(st.sampled_from(NAMES), flows, max_size=3))
    free = [name for name in NAMES if name not in found]
    for name in sorted(found):
        if free and draw(st.booleans()):
            found[name] = replace(found[name], formerly=free.pop())
    with_id = [name for name in sorted(found) if "id:" in found[name].meta]
    for name in with_id[1:]:
        found[name] = replace(found[name], meta="")
    paths = draw(st.sampled_from((("out", "in"), ("out2", "in"), ("out", "in2"))))
    return World(
        tuple(sorted(found.items())),
        paths,
        draw(st.booleans()),
        draw(st.booleans()),
        draw(st.sampled_from(("02:00", "03:00"))),
    )


@dataclass(frozen=True)
class Step:
    """A project, whether its due exports are performed, and what runners left open afterwards."""

    world: World
    export: bool
    left: str


steps = st.builds(
    Step, world=worlds(), export=st.booleans(), left=st.sampled_from(("", "", "staging", "publishing", "on demand"))
)


def leave(actual: Actual, how: str, now: datetime) -> Actual:
    """One flow's runner ended in between."""
    heads = [head for head in actual.flows.values() if head.state == "active" and head.open is None]
    if not how or not heads:
        return actual
    first = heads[0]
    slot = now if how == "on demand" else due(first.spec.schedule, first.since, first.last_slot, now).slot
    if slot is None:
        return actual
    head = opened(first, slot, run_id=f"r{first.epoch:016}", on_demand=how == "on demand")
    if how == "publishing":
        assert head.open
        head = transitions.decide(head, head.open.run_id, "d", nonce="n")
    return actual.model_copy(update={"flows": {**actual.flows, head.flow: head}})


def settled(actual: Actual, now: datetime) -> Actual:
    """What an apply does before it changes a flow: decided runs are completed, others discarded."""

    def one(head: FlowHead) -> FlowHead:
        if head.open is None:
            return head
        if head.open.phase == "publishing":
            return exported(head, _any_export(head))
        gone = transitions.abandon(head, head.open.run_id, "over", now=now, nonce="n")
        return transitions.discarded(gone, head.open.run_id, nonce="n")

    return actual.model_copy(update={"flows": {name: one(head) for name, head in actual.flows.items()}})


def _any_export(head: FlowHead) -> Export:
    assert head.open
    data = {"subject": head.flow, "owner": head.owner, "reason": {"code": "x", "sentence": "x"}, "kind": "full"}
    return Export.model_validate({**data, "slot": head.open.slot})


def ready(found: Plan, actual: Actual) -> Plan:
    """Without refusals, as if they had been allowed, and without exports of runs that settling completed."""

    def left(each: Export) -> bool:
        last = actual.flows[each.subject].last_slot if each.subject in actual.flows else None
        return not each.on_demand and (last is None or last < each.slot)

    kept = [each for each in found.changes if not isinstance(each, Export) or left(each)]
    return found.model_copy(update={"refusals": (), "changes": tuple(kept)})


def performed(found: Plan, actual: Actual, now: datetime, *, export: bool = True) -> Actual:
    """The ledger after an apply."""
    calm = settled(actual, now)
    return apply(ready(found, calm), calm, export=export)


def configured(found: Plan) -> list[tuple[str, str]]:
    return [(each.change, each.subject) for each in found.changes if not isinstance(each, Export)]


def history(lived: list[Step]) -> tuple[Actual, datetime]:
    """The ledger after these projects were applied one after the other."""
    actual, now = Actual(), NOW
    for step in lived:
        found = plan(step.world.desired(), actual, now, allow_removals="all")
        actual = performed(found, actual, now, export=step.export)
        now += timedelta(hours=17)
        actual = leave(actual, step.left, now - timedelta(hours=1))
    return actual, now


@settings(max_examples=60, deadline=None)
@given(st.lists(steps, max_size=3), worlds())
def test_what_was_applied_leaves_nothing_to_do(lived: list[Step], world: World) -> None:
    actual, now = history(lived)
    found = plan(world.desired(), actual, now, allow_removals="all")
    after = performed(found, actual, now)
    again = plan(world.desired(), after, now, allow_removals="all")
    assert configured(again) == []
    finished = {each.subject for each in found.changes if isinstance(each, Export) and each.run_id}
    assert {each.subject for each in again.changes} <= finished
    assert plan(world.desired(), performed(again, after, now), now).changes == ()
    active = {name for name, head in after.flows.items() if head.state not in ("removed", "moved")}
    assert active == {str(flow_id) for flow_id in world.desired().flows}


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, max_size=2), worlds(), st.integers(1, 10_000))
def test_the_order_of_documents_and_of_the_ledger_changes_no_byte(lived: list[Step], world: World, order: int) -> None:
    actual, now = history(lived)
    turned = Actual(
        project=actual.project,
        destinations=dict(reversed(actual.destinations.items())),
        flows=dict(reversed(actual.flows.items())),
    )
    one = plan(world.desired(), actual, now)
    assert (
        as_json(one) == as_json(plan(world.desired(order), turned, now)) == as_json(plan(world.desired(), actual, now))
    )


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, max_size=2), worlds())
def test_a_saved_plan_is_performed_unless_a_run_made_it_a_rebuild(lived: list[Step], world: World) -> None:
    actual, now = history(lived)
    found = plan(world.desired(), actual, now, allow_removals="all")
    if found.refusals:
        return
    saved = save(found)
    assert check_saved(saved, world.desired(), actual, now, __version__) is None
    ran = settled(actual, now)
    for each in [each for each in found.changes if isinstance(each, Export) and each.subject in ran.flows]:
        if ran.flows[each.subject].state == "active" and each.run_id is None:
            ran = ran.model_copy(update={"flows": {**ran.flows, each.subject: exported(ran.flows[each.subject], each)}})
    refusal = check_saved(saved, world.desired(), ran, now, __version__)
    assert refusal is None or refusal.code == "G127"
    if refusal is not None:
        assert any(each.rebuild for each in found.changes if isinstance(each, UpdateFlow | MoveFlow))


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, min_size=1, max_size=2), worlds(), st.sampled_from(("box", "post", "*/a", "post/b")))
def test_a_part_removes_nothing_outside_of_it_and_the_rest_follows(
    lived: list[Step], world: World, pattern: str
) -> None:
    actual, now = history(lived)
    whole = plan(world.desired(), actual, now, allow_removals="all")
    part = plan(world.desired(), actual, now, select=(pattern,), allow_removals="all")
    removed = {each.subject for each in part.changes if isinstance(each, RemoveFlow | RemoveDestination)}
    assert removed <= {each.subject for each in whole.changes if isinstance(each, RemoveFlow | RemoveDestination)}
    for name in removed - ({"box"} if world.renamed else set()):
        destination, _, rest = name.partition("/")
        assert pattern == destination or (rest and pattern in (f"*/{rest[-1]}", f"{destination}/{rest[-1]}"))
    after = performed(part, actual, now)
    rest_of_it = plan(world.desired(), after, now, allow_removals="all")
    done = performed(rest_of_it, after, now)
    assert configured(plan(world.desired(), done, now, allow_removals="all")) == []


@settings(max_examples=40, deadline=None)
@given(st.lists(steps, min_size=1, max_size=2), worlds())
def test_what_is_protected_is_never_removed_and_all_is_never_removed_unless_said(
    lived: list[Step], world: World
) -> None:
    actual, now = history(lived)
    found = plan(world.desired(), actual, now)
    removed = [each.subject for each in found.changes if isinstance(each, RemoveFlow)]
    applied = [name for name, head in actual.flows.items() if head.state not in ("removed", "moved")]
    codes = {each.code for each in found.refusals}
    assert ("G104" in codes) >= any(actual.flows[name].protected for name in removed)
    if removed and len(removed) == len(applied):
        assert "G106" in codes
    if len(removed) > max(1, len(applied) // 4) and len(removed) < len(applied):
        assert "G105" in codes
