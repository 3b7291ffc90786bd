"""Replacing a file on S3 when answers are lost or a runner dies in between: either file is there, whole, and the next call ends it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from reconciler.destinations import s3 as destination
from reconciler.destinations import s3_place, s3_replace, s3_sink
from reconciler.destinations.base import Published
from reconciler.destinations.s3_place import S3Place
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


# More than one CopyObject takes ------------------------------------------------------------------------------------------


SIZE = 5 << 20
"""Bytes of a part: fewer are taken of the last one only."""
LARGE = bytes(2 * SIZE) + NEW
AFTER = LARGE + b", and what comes later"


@pytest.fixture
def large(bench: Proxied, monkeypatch: pytest.MonkeyPatch) -> Proxied:
    """As if 5 MiB were all that a CopyObject takes, and parts had as many."""
    monkeypatch.setattr(s3_replace, "AT_ONCE", SIZE)
    monkeypatch.setattr(s3_replace, "part_size", lambda _: SIZE)
    real = s3_sink.S3Sink

    def sink(*given: Any, **more: Any) -> s3_sink.S3Sink:
        return real(*given, sizes=lambda _: SIZE, **more)

    monkeypatch.setattr(destination, "S3Sink", sink)
    return bench


def large_ready(bench: Proxied) -> StagedFile:
    bench.open().publish(token(bench, OLD, RUN))
    return token(bench, LARGE, OTHER, fixed(OLD))


def test_a_large_file_is_copied_by_its_parts_over_the_smaller_one(large: Proxied) -> None:
    waiting = large_ready(large)
    before = len(large.proxy.seen)
    assert large.open().publish(waiting) is Published.DONE
    sent = [each for each in large.proxy.seen[before:] if changes(each)]
    copies = [each for each in sent if each.method == "PUT"]
    assert len(copies) == 3
    assert all("partNumber=" in each.path for each in copies)
    rest = [each.method for each in sent if each.method != "PUT"]
    assert rest == ["POST", "POST", "POST", "DELETE", "DELETE"]  # complete what waits, open, complete; and what waited
    assert large.visible() == {NAME: LARGE}
    assert large.leftovers() == []
    assert large.open().publish(waiting) is Published.ALREADY
    newest = token(large, AFTER, "r0000000000000003", fixed(LARGE))
    before = len(large.proxy.seen)
    assert large.open().publish(newest) is Published.DONE
    read = [
        each
        for each in large.proxy.seen[before:]
        if each.method == "GET" and each.path.partition("?")[0].endswith(NAME)
    ]
    assert read == [], "what gives way is known without reading gigabytes"
    assert (large.visible(), large.leftovers()) == ({NAME: AFTER}, [])


def test_a_large_file_that_nothing_is_before(large: Proxied) -> None:
    waiting = token(large, LARGE, OTHER)
    assert large.open().publish(waiting) is Published.DONE
    assert (large.visible(), large.leftovers()) == ({NAME: LARGE}, [])


@pytest.mark.parametrize("nth", range(1, 9))
@pytest.mark.parametrize(
    "fault", [Lose(), Drop(), Answer(500), Answer(500, after=True)], ids=lambda each: repr(each)[:12]
)
def test_each_request_of_a_copy_by_parts_may_be_lost(large: Proxied, fault: Fault, nth: int) -> None:
    waiting = large_ready(large)
    large.proxy.add(Rule(fault, when=changes, nth=nth))
    try:
        assert large.open().publish(waiting) in HERE
    except ReconcilerError:
        assert large.visible()[NAME] in (OLD, LARGE)
    assert large.open().publish(waiting) in HERE
    assert large.visible() == {NAME: LARGE}
    assert large.leftovers() == []


@pytest.mark.parametrize("alike", [True, False], ids=["the store knows conditions", "the store ignores them"])
def test_a_runner_that_wakes_with_all_parts_copied_brings_nothing_back(
    large: Proxied, monkeypatch: pytest.MonkeyPatch, alike: bool
) -> None:
    """Another publishes the file, and the run after it its own, before the first one completes what it has copied."""
    waiting = large_ready(large)
    real = S3Place.complete_upload

    def late(self: S3Place, key: str, upload: str, parts: Any, condition: Any = s3_place.NOTHING_THERE) -> None:
        if key.endswith(waiting.at or "-"):
            return real(self, key, upload, parts, condition)
        monkeypatch.setattr(S3Place, "complete_upload", real)
        assert large.open().publish(waiting) is Published.DONE
        assert large.open().publish(token(large, AFTER, "r0000000000000003", fixed(LARGE))) is Published.DONE
        return real(self, key, upload, parts, condition if alike else {})

    monkeypatch.setattr(S3Place, "complete_upload", late)
    assert large.open().publish(waiting) is Published.COLLECTED, "its run is over, and whoever asks the ledger sees it"
    assert (large.visible(), large.leftovers()) == ({NAME: AFTER}, [])


def test_a_stranger_while_parts_are_copied_is_not_overwritten(large: Proxied, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = large_ready(large)
    real = s3_replace._part

    def meanwhile(*given: Any) -> Any:
        large.put(NAME, b"theirs")
        return real(*given)

    monkeypatch.setattr(s3_replace, "_part", meanwhile)
    with pytest.raises(DestinationError) as caught:
        large.open().publish(waiting)
    assert caught.value.code == "D120"
    assert large.visible()[NAME] == b"theirs"


def test_a_run_that_was_ended_while_parts_were_copied_leaves_nothing(
    large: Proxied, monkeypatch: pytest.MonkeyPatch
) -> None:
    waiting, place = large_ready(large), large.open()

    class Died(BaseException):
        pass

    def dies(*_: Any) -> Any:
        raise Died

    with monkeypatch.context() as patch:
        patch.setattr(s3_replace, "_part", dies)
        with pytest.raises(Died):
            place.publish(waiting)
    assert large.leftovers() != []
    assert place.discard(OTHER) == 1
    assert (large.visible(), large.leftovers()) == ({NAME: OLD}, [])
    assert list(place.staged()) == []
