"""The `adls-gen2` type when answers are lost or refused, behind a proxy that does it."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from reconciler.accounts.azure import AzureSession
from reconciler.accounts.secrets import SecretSource
from reconciler.catalog.adls_gen2 import AdlsGen2Connection
from reconciler.destinations.adls_gen2 import AdlsStore
from reconciler.destinations.base import Published
from reconciler.destinations.moving import MovingDestination
from reconciler.destinations.trying import try_out
from reconciler.errors import DestinationError, OutcomeUnknown
from reconciler.resources.accounts.azure import AzureAccountSpec
from tests.conformance.destinations import HERE, LINEAGE, RUN, staged
from tests.conformance.test_destinations_adls import AdlsBench, session_for
from tests.servers.dfs import DfsServer
from tests.servers.faultproxy import Answer, Drop, Fault, FaultProxy, Lose, Request, Rule, Strip

NAME = f"us/part-{RUN}.csv"


class _Impatient:
    """A session whose clients try once: what they wait between isn't what is tested."""

    def __init__(self, session: AzureSession) -> None:
        self._session = session

    def file_system(self, name: str, *, attempts: int) -> Any:
        return self._session.file_system(name, attempts=min(1, attempts))


class Proxied(AdlsBench):
    def __init__(self, server: DfsServer, proxy: FaultProxy) -> None:
        super().__init__(server, through=proxy.endpoint)
        self.proxy = proxy
        self.paused: list[float] = []

    def open(self) -> MovingDestination:
        store = AdlsStore(self.connection, _Impatient(self.session))  # type: ignore[arg-type]
        return MovingDestination(store, sleep=self.paused.append)


def is_rename(request: Request) -> bool:
    return "x-ms-rename-source" in request.headers


@pytest.fixture
def bench(dfs_server: DfsServer) -> Iterator[Proxied]:
    with FaultProxy(dfs_server.endpoint) as proxy:
        yield Proxied(dfs_server, proxy)


@pytest.mark.parametrize("fault", [Lose(), Answer(500, after=True), Answer(503, "ServerBusy", after=True)], ids=repr)
def test_a_rename_that_was_done_isnt_sent_again(bench: Proxied, fault: Fault) -> None:
    place = bench.open()
    token = staged(place, NAME)
    bench.proxy.add(Rule(fault, when=is_rename))
    assert place.publish(token) is Published.ALREADY
    assert sum(is_rename(each) for each in bench.proxy.seen) == 1
    assert bench.visible() == {NAME: b"data"}
    assert [name for name in bench.leftovers() if name.endswith(".staged")] == []


@pytest.mark.parametrize("fault", [Drop(), Answer(500), Answer(503, "ServerBusy")], ids=repr)
def test_a_rename_that_wasnt_done_is_sent_again(bench: Proxied, fault: Fault) -> None:
    place = bench.open()
    token = staged(place, NAME)
    bench.proxy.add(Rule(fault, when=is_rename, nth=1))
    assert place.publish(token) in HERE
    assert bench.visible() == {NAME: b"data"}
    assert bench.leftovers() == []


def test_a_folder_that_vanished_before_the_rename_is_made_again(bench: Proxied) -> None:
    place = bench.open()
    token = staged(place, NAME)

    def vanish(request: Request) -> bool:
        if is_rename(request) and not gone:
            gone.append(bench.nodes.pop(bench.prefix + "us"))
        return False

    gone: list[Any] = []
    bench.proxy.add(Rule(Drop(), when=vanish))
    assert place.publish(token) is Published.DONE
    assert gone
    assert bench.visible() == {NAME: b"data"}


def test_what_cant_be_looked_at_is_unknown(bench: Proxied) -> None:
    place = bench.open()
    token = staged(place, NAME)
    bench.proxy.add(Rule(Lose(), when=is_rename, nth=1))
    bench.proxy.add(Rule(Answer(503), when=lambda _: any(is_rename(each) for each in bench.proxy.seen)))
    with pytest.raises(OutcomeUnknown):
        place.publish(token)
    bench.proxy.clear()
    assert place.publish(token) is Published.ALREADY


def test_claims_whose_answers_are_lost(bench: Proxied) -> None:
    bench.proxy.add(Rule(Lose(), when=is_rename, nth=1))
    bench.open().claim_owner(LINEAGE)
    bench.proxy.clear()
    with pytest.raises(DestinationError) as caught:
        bench.open().claim_owner("lineage-b")
    assert caught.value.code == "D101"


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"method": "PATCH"}, "w (write)"),
        ({"method": "HEAD"}, "r (read)"),
        ({"method": "GET", "path": "resource=filesystem"}, "l (list)"),
        ({"method": "DELETE"}, "d (delete)"),
        ({"when": is_rename}, "m (move)"),
    ],
)
def test_a_missing_permission_is_named(bench: Proxied, rule: dict[str, Any], said: str) -> None:
    bench.proxy.add(Rule(Answer(403, "AuthorizationPermissionMismatch"), **rule))
    with pytest.raises(DestinationError) as caught:
        bench.open().probe()
    assert caught.value.code == "D104"
    # Of an answer without a body nothing is known but its status.
    assert said in caught.value.detail


def test_all_that_is_missing_is_named_at_once(bench: Proxied) -> None:
    for rule in ({"method": "GET", "path": "resource=filesystem"}, {"when": is_rename}, {"method": "HEAD"}):
        bench.proxy.add(Rule(Answer(403, "AuthorizationPermissionMismatch"), **rule))
    with pytest.raises(DestinationError) as caught:
        try_out(bench.open())
    assert "r (read) is not allowed" in caught.value.detail
    assert caught.value.detail.endswith("Not allowed either: l (list), m (move).")
    bench.proxy.clear()
    assert bench.leftovers() == []


def test_what_could_not_be_deleted_is_not_written_to_find_out(bench: Proxied) -> None:
    bench.proxy.add(Rule(Answer(403, "AuthorizationPermissionMismatch"), "DELETE"))
    with pytest.raises(DestinationError) as caught:
        try_out(bench.open())
    assert "d (delete) is not allowed" in caught.value.detail
    assert "either" not in caught.value.detail
    bench.proxy.add(Rule(Answer(403, "AuthorizationPermissionMismatch"), "PUT", "resource=file"))
    with pytest.raises(DestinationError) as caught:
        try_out(bench.open())
    assert caught.value.detail.endswith("Not allowed either: w (write).")
    assert bench.leftovers() == []


def test_a_store_that_ignores_conditions_is_found_out(bench: Proxied) -> None:
    bench.proxy.add(Rule(Strip(), when=is_rename))
    with pytest.raises(DestinationError) as caught:
        bench.open().probe()
    assert caught.value.code == "D107"


@pytest.mark.parametrize("readable", [True, False])
def test_folders_that_a_killed_publisher_left_go_with_the_next(bench: Proxied, readable: bool) -> None:
    """It died between the rename and the first deletion."""
    place = MovingDestination(AdlsStore(bench.connection, bench.session), readable=readable)
    token = staged(place, NAME)
    bench.proxy.add(Rule(Drop(), method="DELETE"))
    place.publish(token)
    assert bench.leftovers() != []
    bench.proxy.clear()
    assert place.publish(token) is Published.ALREADY
    assert bench.leftovers() == []


def test_folders_that_a_killed_discard_left_go_with_the_next(bench: Proxied) -> None:
    place = bench.open()
    staged(place, NAME)
    with bench.server.lock:
        del bench.nodes[next(path for path in bench.nodes if path.endswith(".staged"))]
    assert bench.leftovers() != []
    assert place.discard(RUN) == 0
    assert bench.leftovers() == []


def test_a_container_that_isnt_there(dfs_server: DfsServer) -> None:
    connection = AdlsGen2Connection(container="none-such")
    place = MovingDestination(AdlsStore(connection, session_for(dfs_server.endpoint)))
    with pytest.raises(DestinationError) as caught:
        place.probe()
    assert caught.value.code == "D102"


def test_a_rename_is_signed_at_both_ends_and_no_signature_is_told(
    bench: Proxied, caplog: pytest.LogCaptureFixture
) -> None:
    spec = {
        "type": "azure",
        "storageAccount": "acme",
        "auth": {"sas": {"fromEnv": "SAS"}},
        "endpoints": {"dfs": bench.proxy.endpoint},
    }
    secrets = SecretSource(Path("/"), {"SAS": "sv=2026-01-01&sig=veryhush"})
    bench.session = AzureSession(AzureAccountSpec.model_validate(spec), secrets)
    with caplog.at_level(logging.DEBUG):
        place = bench.open()
        place.probe()
        place.publish(staged(place, NAME))
        bench.proxy.add(Rule(Drop()))
        with pytest.raises(DestinationError) as caught:
            place.owner()
    assert bench.visible() == {NAME: b"data"}
    renames = [each for each in bench.proxy.seen if is_rename(each)]
    assert all("sig=veryhush" in each.headers["x-ms-rename-source"] for each in renames)
    assert len(caplog.records) > 20
    assert "veryhush" not in caplog.text + str(caught.value) + place.location(NAME)
