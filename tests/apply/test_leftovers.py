"""What earlier runs left and can't be dealt with as usual: a destination that is gone, a document of another version."""

from __future__ import annotations

import hashlib
import json
import shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.context import Context
from reconciler.apply.runs import Wanted, run_flow, settle
from reconciler.errors import DestinationError
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import Applied
from tests.apply.fixtures_runs import FLOW, SLOT, House


class Killed(BaseException):
    """The process ends here."""


@pytest.fixture
def house(tmp_path: Path) -> House:
    house = House(tmp_path)
    house.put("a.csv", [("1", "US"), ("2", "DE"), ("3", "US")])
    house.apply()
    return house


def dies_at(house: House, effect: str) -> None:
    """A run whose process ends where the destination is asked for an effect."""

    class Dead:
        def __init__(self, port: Any) -> None:
            self.port = port

        def __getattr__(self, name: str) -> Any:
            if name == effect:
                raise Killed
            return getattr(self.port, name)

    plain: Context = house.context()
    context = replace(plain, open_destination=lambda to: Dead(plain.open_destination(to)))  # type: ignore[arg-type,return-value]
    with pytest.raises(Killed):
        run_flow(context, FLOW, Wanted(SLOT), SLOT)
    house.tick += timedelta(hours=1)


def test_a_flow_leaves_a_destination_that_is_gone_and_goes_on(house: House) -> None:
    """What was staged there stays on the head's list, and whoever has nothing else to do says so."""
    dies_at(house, "stage")
    shutil.rmtree(house.root / "out")
    elsewhere = house.spec().destination.model_dump(by_alias=True)
    elsewhere["spec"]["connection"]["path"] = "elsewhere"
    (house.root / "elsewhere").mkdir()
    spec = house.spec(destination=type(house.spec().destination).model_validate(elsewhere))
    head = house.head()
    applied = Applied(at=SLOT, by="test")
    moved = transitions.updated(
        head.document, spec, rebuild="moved", source_id="us", applied=applied, nonce=house.ledger.nonce()
    )
    house.ledger.swap(head, moved)
    record = run_flow(house.context(), FLOW, Wanted(SLOT), SLOT)
    assert record is not None
    assert record.rows == 2
    assert [each.destination.name for each in house.head().document.abandoned] == ["box"]
    for _ in range(2):
        with pytest.raises(DestinationError, match=r"H122.*run (r\d+) ended.*D102.*ledger abandon \1$"):
            settle(house.context(), FLOW, SLOT + timedelta(hours=2), insist=True)
    why = house.head().document.abandoned[0].unremoved
    assert why is not None
    assert (why.code, why.since, why.at - why.since, why.attempts) == ("D102", SLOT, timedelta(hours=2), 3)
    (house.root / "out").mkdir()
    settle(house.context(), FLOW, SLOT, insist=True)
    assert house.head().document.abandoned == ()


def test_what_another_version_decided_is_completed(house: House) -> None:
    """It wrote a document that this version would write with more in it."""
    dies_at(house, "publish")
    ((key, version),) = house.store.list(keys.STAGED)
    stored = house.store.read(key)
    assert stored is not None
    document = json.loads(stored.body)
    assert document.pop("excluded") == {}
    older = json.dumps(document, indent=1).encode()
    house.store.replace(key, older, version)
    head = house.head()
    run = head.document.open
    assert run is not None
    there = run.model_copy(update={"staged_digest": hashlib.sha256(older).hexdigest()})
    house.ledger.swap(head, head.document.model_copy(update={"open": there, "nonce": "older"}))
    settle(house.context(), FLOW, SLOT)
    assert (house.received(), house.staged()) == (["1", "3"], [])
    assert house.head().document.open is None
    assert list(house.store.list(keys.STAGED)) == []
