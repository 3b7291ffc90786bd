"""A small house for runs: a CSV dataset, a local destination, a ledger in memory or in a folder."""

from __future__ import annotations

import csv
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reconciler.accounts.aws import AwsSession
from reconciler.accounts.sessions import Sessions
from reconciler.apply.context import Context
from reconciler.datasets.open import open_dataset
from reconciler.destinations.open import open_destination
from reconciler.export.polars_engine import PolarsEngine
from reconciler.ledger import keys, transitions
from reconciler.ledger.records import Applied, FlowHead, ProjectRecord
from reconciler.ledger.store import Store
from reconciler.resources.activation import Guards
from reconciler.resources.effective import EffectiveDestination, EffectiveSource, ExportColumn, FlowSpec
from reconciler.resources.schedule import Daily
from reconciler.stores.ledger import Ledger, Versioned
from reconciler.stores.memory import MemoryStore
from reconciler.values.identity import FlowId

SLOT = datetime(2054, 12, 2, 2, 0, tzinfo=UTC)
FLOW = FlowId("box", "audience", "us")


def no_cloud() -> AwsSession:
    """Runs of these tests stay on this machine."""
    raise AssertionError("no cloud session is needed")


@dataclass
class House:
    """Everything that a run needs below one folder. `tick` is the real clock of leases."""

    root: Path
    store: Store = field(default_factory=MemoryStore)
    when_empty: str = "manifest"
    guards: Guards = field(default_factory=Guards)
    tick: datetime = SLOT
    _ids: Callable[[], int] = field(default_factory=lambda: itertools.count(1).__next__)

    def __post_init__(self) -> None:
        self.ledger = Ledger(self.store, lambda: f"nonce-{self._ids()}", lambda _: None)
        (self.root / "data").mkdir(parents=True, exist_ok=True)

    def put(self, name: str, rows: list[tuple[str, str]]) -> None:
        """A data file of (prospect_id, country)."""
        with (self.root / "data" / name).open("w", newline="") as file:
            csv.writer(file).writerows([("prospect_id", "country"), *rows])

    def spec(self, **changes: object) -> FlowSpec:
        """The flow's effective spec."""
        source = EffectiveSource.model_validate(
            {
                "kind": "audience",
                "name": "us",
                "dataType": "prospects",
                "where": "country = 'US'",
                "dataset": "people",
                "datasetSpec": {
                    "location": "data",
                    "format": "csv",
                    "columns": {"prospect_id": {"type": "string"}, "country": {"type": "string"}},
                    "incremental": {"settle": "0s"},
                },
            }
        )
        destination = EffectiveDestination.model_validate(
            {
                "name": "box",
                "spec": {
                    "type": "local",
                    "connection": {"path": "out"},
                    "format": {"type": "csv", "compression": "none"},
                    "files": {"whenEmpty": self.when_empty},
                },
            }
        )
        return FlowSpec(
            source=source,
            destination=destination,
            schedule=Daily(time="02:00"),
            activation="nightly",
            mode="incremental",
            backfill="full",
            columns=(ExportColumn(column="prospect_id", name="id", type="string"),),
            guards=self.guards,
            on_remove="keep",
            suspend=False,
            protect=False,
        ).model_copy(update=changes)

    def found(self) -> None:
        """Makes the ledger's own document, as a first apply does."""
        record = ProjectRecord(
            nonce=self.ledger.nonce(), format_version=1, lineage="the-line", simulated=False, serial=1, created_at=SLOT
        )
        self.ledger.create(keys.PROJECT, record)

    def apply(self, **changes: object) -> None:
        """Records the flow as an apply would, and makes the destination."""
        applied = Applied(at=SLOT - timedelta(days=1), by="test")
        spec = self.spec(**changes)
        head = transitions.added(spec, owner="test", source_id="us", applied=applied, nonce=self.ledger.nonce())
        self.ledger.create(keys.flow(FLOW), head)
        self.context().open_destination(spec.destination).probe()

    def context(self, **changes: object) -> Context:
        """A runner of its own."""
        number = self._ids()

        def to(destination: EffectiveDestination) -> object:
            return open_destination(destination, root=self.root, accounts=Sessions(self.root))

        values = {
            "ledger": self.ledger,
            "open_destination": to,
            "open_files": lambda source: open_dataset(source.dataset_spec, root=self.root, session=no_cloud),
            "engine": PolarsEngine(),
            "clock": lambda: self.tick,
            "run_id": lambda: f"r{number:016d}",
            "holder": f"runner-{number}",
            "tool": "reconciler test",
        }
        return Context(**(values | changes))  # type: ignore[arg-type]

    def head(self) -> Versioned[FlowHead]:
        """The flow's head as it is."""
        found = self.ledger.head(FLOW)
        assert found is not None
        return found

    def received(self) -> list[str]:
        """Every id in every visible file, in the order of names: read by the csv module alone."""
        ids: list[str] = []
        for path in sorted((self.root / "out").rglob("part-*")):
            if ".reconciler-staging" not in path.parts:
                with path.open(newline="") as file:
                    ids += [row["id"] for row in csv.DictReader(file)]
        return ids

    def staged(self) -> list[str]:
        """What waits unseen at the destination."""
        return list(self.context().open_destination(self.spec().destination).staged())
