"""Runs that end because somebody wants them to: nothing staged stays, and the flow is free at once."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from reconciler.apply.runs import Wanted, run_flow
from reconciler.export.job import Interrupted
from reconciler.export.polars_engine import PolarsEngine
from tests.apply.fixtures_runs import FLOW, SLOT, House


@dataclass
class Ended:
    """An engine that ends with an exception after a file was staged. Polars itself raises KeyboardInterrupt where a SIGINT meets it,
    whoever handles the signal."""

    error: BaseException

    def __getattr__(self, name: str) -> Any:
        return getattr(PolarsEngine(), name)

    def export(self, *arguments: Any, **more: Any) -> Any:
        PolarsEngine().export(*arguments, **more)
        raise self.error


@pytest.mark.parametrize("error", [Interrupted(), KeyboardInterrupt()])
def test_what_was_staged_is_discarded_and_the_next_run_exports(tmp_path: Path, error: BaseException) -> None:
    house = House(tmp_path)
    house.put("a.csv", [("1", "US"), ("2", "DE")])
    house.apply()
    with pytest.raises(Interrupted):
        run_flow(house.context(engine=Ended(error)), FLOW, Wanted(SLOT), SLOT)
    head = house.head().document
    assert (house.staged(), house.received()) == ([], [])
    assert (head.open, head.abandoned, head.condition) == (None, (), None)
    assert run_flow(house.context(), FLOW, Wanted(SLOT), SLOT) is not None
    assert house.received() == ["1"]
