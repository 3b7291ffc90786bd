"""The `gcs` type when answers are lost, refused or lie, behind a proxy that does it; and what it says of refusals."""

from __future__ import annotations

import logging
import re
from typing import Any

import pytest

from reconciler.catalog.gcs import GcsConnection
from reconciler.destinations.base import Published
from reconciler.destinations.gcs import GcsStore
from reconciler.destinations.moving import MovingDestination
from reconciler.errors import DestinationError, OutcomeUnknown
from tests.conformance.destinations import HERE, LINEAGE, OTHER, RUN, content, fixed, staged
from tests.conformance.test_destinations_gcs import IMPATIENT, GcsBench, session_for
from tests.servers.faultproxy import Answer, Drop, Fault, FaultProxy, Lose, Request, Rule
from tests.servers.gcs import GcsServer

NAME = f"us/part-{RUN}.csv"


class Proxied(GcsBench):
    """A bench whose connections go through the proxy, and whose own look at the store doesn't."""

    def __init__(self, server: GcsServer, proxy: FaultProxy) -> None:
        super().__init__(server, through=proxy.endpoint)
        self.proxy = proxy
        self.paused: list[float] = []

    def open(self) -> MovingDestination:
        return MovingDestination(GcsStore(self.connection, self.session, IMPATIENT), sleep=self.paused.append)


def is_move(request: Request) -> bool:
    return "/moveTo/" in request.path


@pytest.fixture
def bench(gcs_server: GcsServer, gcs_proxy: FaultProxy) -> Proxied:
    found = Proxied(gcs_server, gcs_proxy)
    found.open().owner()  # signs in
    gcs_proxy.clear()
    return found


DONE = {
    "answer lost": Lose(),
    "503 after it was done": Answer(503, after=True),
    "429 after it": Answer(429, after=True),
}
UNDONE = {"never arrived": Drop(), "500": Answer(500), "429": Answer(429)}


@pytest.mark.parametrize("fault", DONE.values(), ids=DONE)
def test_a_move_that_was_done_isnt_sent_again(bench: Proxied, fault: Fault) -> None:
    place = bench.open()
    token = staged(place, NAME)
    bench.proxy.add(Rule(fault, when=is_move))
    assert place.publish(token) is Published.ALREADY
    assert sum(is_move(each) for each in bench.proxy.seen) == 1
    assert bench.visible() == {NAME: b"data"}
    assert bench.leftovers() == []


@pytest.mark.parametrize("fault", UNDONE.values(), ids=UNDONE)
def test_a_move_that_wasnt_done_is_sent_again(bench: Proxied, fault: Fault) -> None:
    place = bench.open()
    token = staged(place, NAME)
    bench.proxy.add(Rule(fault, when=is_move, nth=1))
    assert place.publish(token) in HERE
    assert bench.visible() == {NAME: b"data"}
    assert bench.leftovers() == []


def test_what_never_works_is_told_and_can_be_done_later(bench: Proxied) -> None:
    place = bench.open()
    token = staged(place, NAME)
    bench.proxy.add(Rule(Answer(503), when=is_move))
    with pytest.raises(DestinationError) as caught:
        place.publish(token)
    assert (caught.value.code, caught.value.permanent) == ("D105", False)
    bench.proxy.clear()
    assert bench.open().publish(token) is Published.DONE


def test_what_cant_be_looked_at_is_unknown(bench: Proxied) -> None:
    place = bench.open()
    token = staged(place, NAME)
    bench.proxy.add(Rule(Lose(), when=is_move, nth=1))
    bench.proxy.add(Rule(Answer(503), when=lambda _: any(is_move(each) for each in bench.proxy.seen)))
    with pytest.raises(OutcomeUnknown):
        place.publish(token)
    bench.proxy.clear()
    assert place.publish(token) is Published.ALREADY


@pytest.mark.parametrize("fault", [Lose(), Drop(), Answer(503, after=True)], ids=repr)
def test_any_answer_of_staging_may_be_lost(bench: Proxied, fault: Fault) -> None:
    """Whatever happens, the file is staged whole, or an error is told and nothing is left that isn't listed."""
    place = bench.open()
    staged(place, f"count-{RUN}.csv", b"x" * 1000)
    count = sum(each.method != "GET" for each in bench.proxy.seen)
    assert count >= 4
    bench.open().discard(RUN)
    for nth in range(1, count + 1):
        bench.proxy.clear()
        bench.proxy.add(Rule(fault, when=lambda request: request.method != "GET", nth=nth))
        name = f"us/{nth}-{RUN}.csv"
        sink = place.stage(RUN, name)
        try:
            sink.write(b"x" * 1000)
            place.publish(sink.finish(1))
        except DestinationError:
            sink.abort()
            assert name not in bench.visible()
        else:
            assert bench.visible()[name] == b"x" * 1000
    bench.proxy.clear()
    bench.open().discard(RUN)
    assert bench.leftovers() == []


def test_claims_whose_answers_are_lost(bench: Proxied) -> None:
    bench.proxy.add(Rule(Lose(), method="POST", path="upload", nth=1))
    bench.open().claim_owner(LINEAGE)
    bench.proxy.clear()
    with pytest.raises(DestinationError) as caught:
        bench.open().claim_owner("lineage-b")
    assert caught.value.code == "D101"


def test_what_arrived_damaged_isnt_staged(bench: Proxied, monkeypatch: pytest.MonkeyPatch) -> None:
    place = bench.open()
    sink: Any = place.stage(RUN, NAME)
    sink.write(b"data")
    sink._crc ^= 1
    with pytest.raises(DestinationError) as caught:
        sink.finish(1)
    assert (caught.value.code, caught.value.permanent) == ("D105", False)
    sink.abort()
    assert bench.leftovers() == []


@pytest.mark.parametrize(
    ("method", "path", "said"),
    [
        ("POST", "/upload/", "storage.objects.create"),
        ("GET", r"/o\?", "storage.objects.list"),
        ("GET", "/o/", "storage.objects.get"),
        ("DELETE", "", "storage.objects.delete"),
        ("PATCH", "", "storage.objects.update"),
        ("POST", "/moveTo/", "storage.objects.move"),
    ],
)
def test_a_missing_permission_is_named(bench: Proxied, method: str, path: str, said: str) -> None:
    bench.proxy.add(Rule(Answer(403, "Forbidden"), method=method, path=path))
    with pytest.raises(DestinationError) as caught:
        bench.open().probe()
    assert caught.value.code == "D104"
    assert said in caught.value.detail
    assert "Storage Object User" in caught.value.detail


def test_a_bucket_that_isnt_there(gcs_server: GcsServer) -> None:
    place = MovingDestination(GcsStore(GcsConnection(bucket="none-such"), session_for(gcs_server), IMPATIENT))
    with pytest.raises(DestinationError) as caught:
        place.probe()
    assert caught.value.code == "D102"


def test_a_store_that_ignores_preconditions_is_found_out(bench: Proxied, monkeypatch: pytest.MonkeyPatch) -> None:
    from google.cloud.storage import Bucket

    move = Bucket.move_blob

    def unconditionally(*arguments: Any, **options: Any) -> Any:
        return move(*arguments, **{name: value for name, value in options.items() if not name.startswith("if_gen")})

    monkeypatch.setattr(Bucket, "move_blob", unconditionally)
    with pytest.raises(DestinationError) as caught:
        bench.open().probe()
    assert caught.value.code == "D107"
    assert bench.leftovers() == []


def test_what_continues_an_upload_isnt_logged(bench: Proxied, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        place = bench.open()
        place.publish(staged(place, NAME, content(300_000)))
    uploads = {found for each in bench.proxy.seen for found in re.findall(r"upload_id=([^&]+)", each.path)}
    assert uploads
    assert "upload_id=***" in caplog.text
    assert not [each for each in uploads if each in caplog.text]
    assert bench.server.token not in caplog.text


def test_replacing_when_its_answer_is_lost(bench: Proxied) -> None:
    place = bench.open()

    def over(data: bytes, *before: bytes, run_id: str) -> Any:
        sink = place.stage(run_id, "us/newest.csv", tuple(fixed(each) for each in before))
        sink.write(data)
        return sink.finish(1)

    first = over(b"first", run_id=RUN)
    place.publish(first)
    second = over(b"second", b"first", run_id=OTHER)
    bench.proxy.add(Rule(Lose(), when=is_move))
    assert place.publish(second) is Published.ALREADY
    assert bench.open().publish(first) is Published.COLLECTED
    assert bench.visible() == {"us/newest.csv": b"second"}
