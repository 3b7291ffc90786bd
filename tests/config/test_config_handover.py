"""`transferTo` and `adoptFrom`: what can't be meant."""

from __future__ import annotations

from pathlib import Path

from reconciler.config.load import load
from tests.config.support import codes
from tests.plan.planning import DATASET, OUTBOX, PROJECT, SCHEDULE, activation, audience


def found(folder: Path, *documents: str) -> list[str]:
    (folder / "all.yaml").write_text("\n---\n".join((PROJECT, SCHEDULE, DATASET, *documents)), "utf-8")
    return codes(load(folder).diagnostics)


def outbox(meta: str) -> str:
    return OUTBOX.replace("name: outbox", f"name: outbox, {meta}", 1)


def test_a_flow_is_offered_to_one_project(tmp_path: Path) -> None:
    assert found(
        tmp_path, outbox("transferTo: a"), audience("us", meta="transferTo: b"), activation("us", meta="transferTo: a")
    ) == ["R190"]
    assert found(tmp_path, outbox("transferTo: a"), audience("us", meta="transferTo: a"), activation("us")) == []


def test_a_project_hands_nothing_over_to_itself(tmp_path: Path) -> None:
    assert found(
        tmp_path, outbox("transferTo: growth"), audience("us", meta="adoptFrom: growth"), activation("us")
    ) == ["R191", "R191"]


def test_what_was_adopted_can_be_handed_on(tmp_path: Path) -> None:
    assert (
        found(tmp_path, outbox("adoptFrom: a, transferTo: b"), audience("us"), activation("us", meta="adoptFrom: c"))
        == []
    )


def test_a_handover_goes_one_way(tmp_path: Path) -> None:
    assert found(tmp_path, outbox("adoptFrom: a, transferTo: a"), audience("us"), activation("us")) == ["R192"]
