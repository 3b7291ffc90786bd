"""The `azure-blob` type when answers are lost, refused or lie, on Azurite behind a proxy that does it; and what it says of refusals."""

from __future__ import annotations

import base64
import logging
from datetime import timedelta
from typing import Any

import pytest
from azure.storage.blob import BlobBlock, BlockState

from reconciler.accounts.azure import AzureSession
from reconciler.catalog.azure_blob import AzureBlobConnection
from reconciler.destinations import moving_probe
from reconciler.destinations.azure_blob import BlobStore
from reconciler.destinations.azure_blob_copy import Copying
from reconciler.destinations.base import Published
from reconciler.destinations.moving import MovingDestination
from reconciler.errors import AccountError, DestinationError, OutcomeUnknown
from tests.conformance.destinations import HERE, LINEAGE, OTHER, RUN, content, fixed, staged
from tests.conformance.test_destinations_azure import BlobBench, session_for
from tests.servers.azurite import AzureServer
from tests.servers.faultproxy import Answer, Drop, Fault, FaultProxy, Lose, Request, Rule, Strip

NAME = f"us/part-{RUN}.csv"


class _Impatient:
    """A session whose clients try once: what they wait between isn't what is tested."""

    def __init__(self, session: AzureSession) -> None:
        self._session = session

    def container(self, name: str, *, attempts: int) -> Any:
        return self._session.container(name, attempts=min(1, attempts))

    def readable(self, container: str, blob: str) -> Any:
        return self._session.readable(container, blob)


class Proxied(BlobBench):
    """A bench whose connections go through the proxy, and whose own look at the store doesn't."""

    def __init__(self, server: AzureServer, proxy: FaultProxy, **more: Any) -> None:
        super().__init__(server, through=proxy.endpoint, **more)
        self.proxy = proxy
        self.paused: list[float] = []

    def open(self) -> MovingDestination:
        store = BlobStore(self.connection, _Impatient(self.session), self.copying)  # type: ignore[arg-type]
        return MovingDestination(store, sleep=self.paused.append)


def is_commit(request: Request) -> bool:
    return request.method == "PUT" and "comp=blocklist" in request.path


def is_copy(request: Request) -> bool:
    return "x-ms-requires-sync" in request.headers


def is_look(request: Request) -> bool:
    return request.method in ("HEAD", "GET")


@pytest.fixture(params=["at once", "in blocks"])
def bench(request: pytest.FixtureRequest, azure_server: AzureServer, azure_proxy: FaultProxy) -> Proxied:
    copying = Copying() if request.param == "at once" else Copying(at_once=3, block=25_000)
    return Proxied(azure_server, azure_proxy, copying=copying)


@pytest.fixture
def small(azure_server: AzureServer, azure_proxy: FaultProxy) -> Proxied:
    return Proxied(azure_server, azure_proxy)


def mutations(bench: Proxied, place: MovingDestination) -> int:
    """How many requests of a publication change something."""
    bench.proxy.clear()
    place.publish(staged(place, f"count-{RUN}.csv", content(40_000)))
    count = sum(not is_look(each) for each in bench.proxy.seen)
    bench.proxy.clear()
    bench.remove(f"count-{RUN}.csv")
    return count


@pytest.mark.parametrize("fault", [Lose(), Drop(), Answer(500), Answer(503, "ServerBusy", after=True)], ids=repr)
def test_any_answer_of_a_publication_may_be_lost(bench: Proxied, fault: Fault) -> None:
    place = bench.open()
    data = content(40_000)
    count = mutations(bench, place)
    assert count >= 3
    for nth in range(1, count + 1):
        name = f"us/{nth}-{RUN}.csv"
        token = staged(place, name, data)
        bench.proxy.add(Rule(fault, when=lambda request: not is_look(request), nth=nth))
        try:
            outcome = place.publish(token)
        except DestinationError:  # such as: what waited couldn't be deleted
            bench.proxy.clear()
            outcome = bench.open().publish(token)
        assert outcome in HERE
        bench.proxy.clear()
        assert bench.visible()[name] == data
        assert bench.open().publish(token) is Published.ALREADY
    assert bench.leftovers() == []


def test_nothing_is_sent_again_blindly(small: Proxied) -> None:
    """A copy whose answer was lost is looked for, not repeated."""
    place = small.open()
    token = staged(place, NAME)
    small.proxy.add(Rule(Lose(), when=is_copy))
    assert place.publish(token) is Published.ALREADY
    assert sum(is_copy(each) for each in small.proxy.seen) == 1
    assert small.visible() == {NAME: b"data"}


def test_what_cant_be_looked_at_is_unknown(small: Proxied) -> None:
    place = small.open()
    token = staged(place, NAME)
    small.proxy.add(Rule(Lose(), when=is_copy, nth=1))
    small.proxy.add(Rule(Answer(503), method="HEAD", nth=3))
    with pytest.raises(OutcomeUnknown):
        place.publish(token)
    small.proxy.clear()
    assert place.publish(token) is Published.ALREADY
    assert small.leftovers() == []


def test_a_store_that_ignores_conditions_is_found_out(azure_server: AzureServer, azure_proxy: FaultProxy) -> None:
    small = Proxied(azure_server, azure_proxy, permissions="rcwdl")  # keys sign headers
    small.proxy.add(Rule(Strip(), when=is_copy))
    with pytest.raises(DestinationError) as caught:
        small.open().probe()
    assert caught.value.code == "D107"
    small.proxy.clear()
    assert small.leftovers() == []


def test_a_slow_runners_blocks_are_cleared(azure_server: AzureServer) -> None:
    """It copied blocks to the name, then slept; once the file was published and purged, it goes on."""
    bench = BlobBench(azure_server, copying=Copying(at_once=3, block=15_000))
    place = bench.open()
    token = staged(place, NAME, content(40_000))
    late = bench.container.get_blob_client(bench.prefix + NAME)
    block = base64.b64encode(b"f" * 22).decode()

    class Slowed(BlobStore):
        def look(self, key: str) -> Any:
            found = super().look(key)
            if found is not None and key.endswith(NAME) and "late" not in seen:
                seen.add("late")
                late.stage_block(block, b"old")  # after it was committed, before what waited is gone
            return found

    seen: set[str] = set()
    store = Slowed(bench.connection, bench.session, bench.copying)
    assert MovingDestination(store).publish(token) is Published.DONE
    late.stage_block(block, b"old")
    assert MovingDestination(store).publish(token) is Published.ALREADY
    assert bench.visible() == {NAME: content(40_000)}
    assert place.publish(token) is Published.ALREADY  # by what is kept with the blob, which clearing must not lose
    place.delete([NAME])
    with pytest.raises(Exception, match="InvalidBlockList"):
        late.commit_block_list([BlobBlock(block, state=BlockState.UNCOMMITTED)])
    assert bench.visible() == {}


def test_claims_whose_answers_are_lost(small: Proxied) -> None:
    small.proxy.add(Rule(Lose(), method="PUT", conditional=True, nth=1))
    small.open().claim_owner(LINEAGE)
    small.proxy.clear()
    with pytest.raises(DestinationError) as caught:
        small.open().claim_owner("lineage-b")
    assert caught.value.code == "D101"


def test_a_torn_read_is_an_error_of_the_destination(small: Proxied) -> None:
    place = small.open()
    place.publish(staged(place, NAME))
    small.proxy.add(Rule(Answer(503), method="GET", path="part-"))
    with pytest.raises(DestinationError) as caught:
        b"".join(place.read(NAME))
    assert (caught.value.code, caught.value.permanent) == ("D105", False)


@pytest.mark.parametrize(
    ("lacks", "said"),
    [("r", "r (read)"), ("d", "d (delete)"), ("l", "l (list)"), ("cw", "w (write)")],
)
def test_a_missing_permission_is_named(azure_server: AzureServer, lacks: str, said: str) -> None:
    granted = "".join(each for each in "rcwdl" if each not in lacks)
    with pytest.raises(DestinationError) as caught:
        BlobBench(azure_server, permissions=granted).open().probe()
    assert caught.value.code == "D104"
    assert said in caught.value.detail
    assert "Storage Blob Data Contributor" in caught.value.detail


def test_a_container_that_isnt_there(azure_server: AzureServer) -> None:
    connection = AzureBlobConnection(container="none-such")
    place = MovingDestination(BlobStore(connection, session_for(azure_server)))
    with pytest.raises(DestinationError) as caught:
        place.probe()
    assert caught.value.code == "D102"


def test_an_expired_signature_is_told_without_it(azure_server: AzureServer) -> None:
    bench = BlobBench(azure_server)
    sas = azure_server.sas(bench.name, hours=-1)
    with pytest.raises(DestinationError) as caught:
        MovingDestination(BlobStore(bench.connection, session_for(azure_server, sas))).probe()
    assert caught.value.code == "D111"
    assert "sig=" not in str(caught.value)


def test_no_signature_in_logs_or_errors(
    azure_server: AzureServer, azure_proxy: FaultProxy, caplog: pytest.LogCaptureFixture
) -> None:
    bench = Proxied(azure_server, azure_proxy, permissions="rcwdl", copying=Copying(at_once=10, block=20))
    signature = azure_server.sas(bench.name).rpartition("sig=")[2]
    assert signature
    secret = bench.session._access.credential.signature.rpartition("sig=")[2]  # type: ignore[union-attr]
    with caplog.at_level(logging.DEBUG):
        place = bench.open()
        place.probe()
        place.publish(staged(place, NAME, b"x" * 50))
        azure_proxy.add(Rule(Drop()))
        with pytest.raises(DestinationError) as caught:
            place.owner()
    assert len(caplog.records) > 20
    everything = caplog.text + str(caught.value)
    assert secret[:20] not in everything
    assert "/part-" in everything


def test_other_secrets_that_cant_be_used(azure_server: AzureServer) -> None:
    for sas in ("nonsense", "sv=1&sp=r"):
        with pytest.raises(AccountError) as caught:
            session_for(azure_server, sas).container("box", attempts=1)
        assert caught.value.code == "A161"
        assert sas not in str(caught.value)


def test_a_stale_probe_is_swept(azure_server: AzureServer, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = BlobBench(azure_server)
    bench.put(".reconciler-probe-dead", b"probe\n")
    stale = bench.container.get_blob_client(f"{bench.prefix}.reconciler-staging/probe-dead/1.staged")
    stale.stage_block(base64.b64encode(b"1").decode(), b"probe\n")
    bench.open().probe()
    assert sorted(bench.leftovers()) == [".reconciler-probe-dead", ".reconciler-staging/probe-dead/1.staged"]
    monkeypatch.setattr(moving_probe, "STALE", timedelta(0))
    bench.open().probe()
    assert bench.leftovers() == []


def test_replacing_when_its_answer_is_lost(small: Proxied) -> None:
    place = small.open()

    def over(data: bytes, *before: bytes, run_id: str) -> Any:
        sink = place.stage(run_id, "us/newest.csv", tuple(fixed(each) for each in before))
        sink.write(data)
        return sink.finish(1)

    first = over(b"first", run_id=RUN)
    place.publish(first)
    second = over(b"second", b"first", run_id=OTHER)
    small.proxy.add(Rule(Lose(), when=is_copy))
    assert place.publish(second) is Published.ALREADY
    assert small.open().publish(first) is Published.COLLECTED
    assert small.visible() == {"us/newest.csv": b"second"}
