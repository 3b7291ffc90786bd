"""Replacing a file on S3 when answers are lost or a runner dies in between: either file is there, whole, and the next call ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from reconciler.destinations import s3_replace
from reconciler.destinations.base import Published
from reconciler.destinations.s3_publish import complete
from reconciler.errors import DestinationError, ReconcilerError
from reconciler.values.staged import Content, StagedFile
from tests.conformance.destinations import HERE, OTHER, RUN, fixed
from tests.destinations.test_s3_faults import Proxied
from tests.servers.faultproxy import Answer, Drop, Fault, FaultProxy, Lose, Request, Rule
from tests.servers.s3 import S3Server

NAME = "us/newest.csv"
OLD, NEW = b"what was there", b"what replaces it, and is longer"


@pytest.fixture
def bench(seaweed_server: S3Server, seaweed_proxy: FaultProxy) -> Proxied:
    return Proxied(seaweed_server, seaweed_proxy)


def ready(bench: Proxied) -> StagedFile:
    """The old file is there; the new one waits."""
    place = bench.open()
    place.publish(token(bench, OLD, RUN))
    return token(bench, NEW, OTHER, fixed(OLD))


def token(bench: Proxied, data: bytes, run_id: str, *over: Content) -> StagedFile:
    sink = bench.open().stage(run_id, NAME, over)
    sink.write(data)
    return sink.finish(1)


def changes(request: Request) -> bool:
    return request.method in ("PUT", "POST", "DELETE")


def test_what_a_publication_changes(bench: Proxied) -> None:
    waiting = ready(bench)
    before = len(bench.proxy.seen)
    assert bench.open().publish(waiting) is Published.DONE
    sent = [each.method for each in bench.proxy.seen[before:] if changes(each)]
    assert sent == ["POST", "PUT", "DELETE", "DELETE"]  # complete, copy, and what waited: upload and object


@pytest.mark.parametrize("nth", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "fault", [Lose(), Drop(), Answer(500), Answer(500, after=True)], ids=lambda each: repr(each)[:12]
)
def test_each_of_its_requests_may_be_lost(bench: Proxied, fault: Fault, nth: int) -> None:
    waiting = ready(bench)
    bench.proxy.add(Rule(fault, when=changes, nth=nth))
    try:
        assert bench.open().publish(waiting) in HERE
    except ReconcilerError:
        assert bench.visible()[NAME] in (OLD, NEW)
    assert bench.open().publish(waiting) in HERE
    assert bench.visible() == {NAME: NEW}
    assert bench.leftovers() == []


def test_a_runner_that_died_between_is_followed_by_another(bench: Proxied) -> None:
    waiting, place = ready(bench), bench.open()
    assert waiting.at is not None
    key = place._place.raw_key(waiting.at)
    assert complete(place._place, key, waiting, lambda: datetime.now(UTC)) is Published.DONE
    assert [found.name for found in place.list()] == [NAME]  # what waits is no file of the destination's
    assert list(place.staged(OTHER)) == [NAME]
    assert bench.open().publish(waiting) is Published.DONE
    assert (bench.visible(), bench.leftovers()) == ({NAME: NEW}, [])


def test_a_run_that_was_ended_between_leaves_nothing(bench: Proxied) -> None:
    waiting, place = ready(bench), bench.open()
    assert waiting.at is not None
    complete(place._place, place._place.raw_key(waiting.at), waiting, lambda: datetime.now(UTC))
    assert place.discard(OTHER) == 1
    assert (bench.visible(), bench.leftovers()) == ({NAME: OLD}, [])
    assert bench.open().publish(waiting) is Published.COLLECTED
    assert bench.visible() == {NAME: OLD}


def test_a_stranger_between_the_look_and_the_copy_is_not_overwritten(
    bench: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting = ready(bench)
    real = s3_replace.complete

    def meanwhile(*arguments: object) -> Published:
        found = real(*arguments)  # type: ignore[arg-type]
        bench.put(NAME, b"theirs")
        return found

    monkeypatch.setattr(s3_replace, "complete", meanwhile)
    with pytest.raises(DestinationError) as caught:
        bench.open().publish(waiting)
    assert caught.value.code == "D120"
    assert bench.visible()[NAME] == b"theirs"


def test_what_waited_too_long_is_for_a_person(bench: Proxied) -> None:
    waiting, place = ready(bench), bench.open()
    place.discard(OTHER)
    expired = waiting.model_copy(update={"expires": datetime.now(UTC) - timedelta(seconds=1)})
    with pytest.raises(DestinationError) as caught:
        place.publish(expired)
    assert caught.value.code == "D130"
    assert bench.visible() == {NAME: OLD}
