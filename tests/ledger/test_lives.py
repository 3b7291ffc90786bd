"""Whose runs are whose: a flow's own, those it made under earlier names, and not those of a flow that was removed before it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from reconciler.ledger import transitions
from reconciler.ledger.records import AbandonedRun, Applied, FlowHead, Life
from tests.apply.fixtures_runs import House

APPLIED = Applied(at=datetime(2026, 12, 1, tzinfo=UTC), by="test")


def added(tmp_path: Path, name: str = "us", before: FlowHead | None = None) -> FlowHead:
    spec = House(tmp_path).spec()
    spec = spec.model_copy(update={"source": spec.source.model_copy(update={"name": name})})
    return transitions.added(spec, owner="test", source_id=name, applied=APPLIED, nonce="n", before=before)


def removed(head: FlowHead) -> FlowHead:
    return transitions.removed(head, purge=False, applied=APPLIED, nonce="n")


def moved(old: FlowHead, name: str, tmp_path: Path, before: FlowHead | None = None) -> tuple[FlowHead, FlowHead]:
    spec = added(tmp_path, name).spec
    away = transitions.moved_away(old, f"box/audience/{name}", applied=APPLIED, nonce="n", before=before)
    return away, transitions.moved_here(old, spec, applied=APPLIED, nonce="n", before=before)


def test_a_flow_that_comes_back_begins_after_its_earlier_life(tmp_path: Path) -> None:
    first = removed(added(tmp_path))
    again = added(tmp_path, before=first)
    (mine,) = again.lives()
    assert mine.born > first.generation
    assert first.lives() == (Life(flow="box/audience/us", born=1, until=2),)


def test_a_renamed_flow_takes_its_runs_along_and_nobody_elses(tmp_path: Path) -> None:
    stranger = removed(added(tmp_path, "usa"))
    old = removed(added(tmp_path))
    old = added(tmp_path, before=old)
    away, new = moved(old, "usa", tmp_path, stranger)
    assert new.generation > away.generation > stranger.generation
    before, mine = new.lives()
    assert before == Life(flow="box/audience/us", born=old.born, until=old.generation)
    assert (mine.flow, mine.born > stranger.generation) == ("box/audience/usa", True)
    back, home = moved(new, "us", tmp_path, away)
    assert home.generation > back.generation > away.generation
    assert [each.flow for each in home.lives()] == ["box/audience/us", "box/audience/usa", "box/audience/us"]


def test_what_a_removed_flow_has_still_to_discard_is_not_forgotten_by_who_takes_its_name(tmp_path: Path) -> None:
    head = added(tmp_path)
    waiting = AbandonedRun(run_id="r1", destination=head.spec.destination, reason="test", at=APPLIED.at)
    stranger = removed(added(tmp_path, "usa").model_copy(update={"abandoned": (waiting,)}))
    _, new = moved(head, "usa", tmp_path, stranger)
    assert new.abandoned == (waiting,)
