"""Where the fault tests run: a house whose ledger and destination are local folders or places in a bucket.

A `Place` is plain text, so that the test, the driver and its children all build the same house from it.
"""

from __future__ import annotations

import csv
import io
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from reconciler.accounts.aws import AwsSession
from reconciler.ledger import keys
from reconciler.resources.effective import EffectiveDestination, FlowSpec
from reconciler.stores.ledger import Ledger
from reconciler.stores.open import open_store
from tests.apply.fixtures_runs import FLOW, SLOT, House
from tests.conformance.stores import s3_session
from tests.servers.s3 import S3Server

ROWS = [("1", "US"), ("2", "DE"), ("3", "US")]
EXPORTED = ["1", "3"]


@dataclass(frozen=True)
class Place:
    """`prefix`: of the bucket, for both the ledger and the destination; without a server everything is local."""

    root: str
    bucket: str = ""
    prefix: str = ""
    server: S3Server | None = None

    @property
    def ledger_url(self) -> str:
        return f"s3://{self.bucket}/{self.prefix}/ledger" if self.server else "file://ledger"

    @property
    def destination(self) -> dict[str, object]:
        if self.server is None:
            return {"type": "local", "connection": {"path": "out"}}
        return {"type": "s3", "account": "cloud", "connection": {"bucket": self.bucket, "path": f"{self.prefix}/out"}}

    def session(self) -> AwsSession:
        assert self.server is not None, "a local place needs no cloud"
        return s3_session(self.server)


class FaultHouse(House):
    """A house at a place. Nonces and run ids are random: several processes write one ledger."""

    def __init__(self, place: Place, tick: datetime = SLOT) -> None:
        self.place = place
        store = open_store(place.ledger_url, root=Path(place.root), session=place.session)
        super().__init__(Path(place.root), store=store, tick=tick)
        self.ledger = Ledger(store, lambda: secrets.token_hex(8), time.sleep)

    def spec(self, **changes: object) -> FlowSpec:
        local = super().spec(**changes)
        spec = {**self.place.destination, "format": {"type": "csv", "compression": "none"}}
        return local.model_copy(
            update={"destination": EffectiveDestination.model_validate({"name": "box", "spec": spec})}
        )

    def context(self, **changes: object):  # type: ignore[no-untyped-def]
        from reconciler.destinations.open import open_destination

        run_id = f"r{secrets.randbelow(10**16):016d}"
        fixed: dict[str, object] = {
            "open_destination": lambda to: open_destination(to, root=self.root, session=self.place.session),
            "run_id": lambda: run_id,
            "holder": run_id,
            "lease": timedelta(seconds=30),
        }
        return super().context(**(fixed | changes))

    def visible(self) -> dict[str, bytes]:
        """Every file that a reader of the destination sees, as the destination lists it."""
        destination = self.context().open_destination(self.spec().destination)
        return {each.name: b"".join(destination.read(each.name)) for each in destination.list()}

    def check(self, where: str) -> None:
        """Every row exactly once under one manifest, and nothing left over anywhere."""
        files = self.visible()
        manifests = [name for name in files if "_manifest-" in name]
        parts = sorted(name for name in files if "/part-" in name)
        ids = [row["id"] for name in parts for row in csv.DictReader(io.StringIO(files[name].decode()))]
        assert ids == EXPORTED, where
        assert len(files) == len(manifests) + len(parts), (where, sorted(files))
        assert len(manifests) == 1, (where, manifests)
        folder = manifests[0].rpartition("/")[0]
        listed = [f"{folder}/{each['path']}" for each in json.loads(files[manifests[0]])["files"]]
        assert listed == parts, where
        assert self.staged() == [], where
        assert list(self.store.list(keys.STAGED)) == [], where
        head = self.head().document
        assert (head.open, head.abandoned, head.last_slot) == (None, (), SLOT), where
        (record,) = [key for key, _ in self.store.list(keys.RUNS)]
        assert head.last_run is not None
        assert record.endswith(head.last_run.run_id), where


Build = Callable[[], Place]
"""A new place with the flow applied and its data there."""


def furnished(place: Place) -> Place:
    """The place, with data and the applied flow."""
    house = FaultHouse(place)
    house.put("a.csv", ROWS)
    house.apply()
    return place


__all__ = ["EXPORTED", "FLOW", "SLOT", "Build", "FaultHouse", "Place", "furnished"]
