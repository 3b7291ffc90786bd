"""The `s3` type when answers are lost, refused or lie, on a real store behind a proxy that does it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from reconciler.accounts.aws import AwsSession
from reconciler.destinations.base import Published
from reconciler.destinations.s3 import S3Destination
from reconciler.errors import DestinationError, OutcomeUnknown
from tests.conformance.destinations import HERE, LINEAGE, RUN, content, staged
from tests.conformance.test_destinations_s3 import S3Bench
from tests.servers.faultproxy import Answer, Drop, Fault, FaultProxy, Lose, Request, Rule
from tests.servers.s3 import S3Server

NAME = f"us/part-{RUN}.csv"


class _Impatient:
    """A session whose clients try again once only: what they wait between isn't what is tested."""

    def __init__(self, session: AwsSession) -> None:
        self._session = session

    def s3(self, *, attempts: int, **settings: Any) -> Any:
        return self._session.s3(attempts=min(2, attempts), read_timeout=10, **settings)


class Proxied(S3Bench):
    """A bench whose connections go through the proxy, and whose own look at the store doesn't."""

    def __init__(self, server: S3Server, proxy: FaultProxy, **connection: Any) -> None:
        super().__init__(server, through=proxy.endpoint, **connection)
        self.proxy = proxy
        self.paused: list[float] = []

    def open(self) -> S3Destination:
        return S3Destination(self.connection, _Impatient(self.session), sleep=self.paused.append)  # type: ignore[arg-type]

    def completions(self) -> int:
        return sum(is_completion(request) for request in self.proxy.seen)


def is_completion(request: Request) -> bool:
    return request.method == "POST" and "uploadId=" in request.path


def is_look(request: Request) -> bool:
    return request.method in ("HEAD", "GET")


COMPLETION = {"method": "POST", "path": "uploadId="}


@pytest.fixture
def bench(seaweed_server: S3Server, seaweed_proxy: FaultProxy) -> Proxied:
    return Proxied(seaweed_server, seaweed_proxy)


@pytest.fixture(params=["read-write", "write-only"])
def either(request: pytest.FixtureRequest, seaweed_server: S3Server, seaweed_proxy: FaultProxy) -> Proxied:
    return Proxied(seaweed_server, seaweed_proxy, access=request.param)


# completion

DONE = {
    "answer lost": Lose(),
    "500 after it was done": Answer(500, after=True),
    "503 after it was done": Answer(503, "SlowDown", after=True),
    "an error inside a 200, after it was done": Answer(200, after=True),
    "409 after it was done": Answer(409, "ConditionalRequestConflict", after=True),
    "412 after it was done": Answer(412, "PreconditionFailed", after=True),
    "NoSuchUpload after it was done": Answer(404, "NoSuchUpload", after=True),
}
UNDONE = {
    "request lost": Drop(),
    "500": Answer(500),
    "503": Answer(503, "SlowDown"),
    "an error inside a 200": Answer(200),
}


@pytest.mark.parametrize("fault", DONE.values(), ids=DONE)
def test_completion_that_was_done_isnt_sent_again(either: Proxied, fault: Fault) -> None:
    place = either.open()
    token = staged(place, NAME)
    either.proxy.add(Rule(fault, **COMPLETION))
    assert place.publish(token) is Published.ALREADY
    assert either.completions() == 1
    assert either.visible() == {NAME: b"data"}
    assert either.leftovers() == []


@pytest.mark.parametrize("fault", UNDONE.values(), ids=UNDONE)
def test_completion_that_wasnt_done_is_sent_again_after_a_look(either: Proxied, fault: Fault) -> None:
    place = either.open()
    token = staged(place, NAME)
    either.proxy.add(Rule(fault, **COMPLETION, nth=1))
    assert place.publish(token) in HERE
    requests = either.proxy.seen
    first, second = (n for n, request in enumerate(requests) if is_completion(request))
    assert any(is_look(request) for request in requests[first:second])
    assert either.visible() == {NAME: b"data"}
    assert either.leftovers() == []


@pytest.mark.parametrize("status", [409, 412])
def test_conflict_over_nothing_is_looked_at_and_never_sent_again(bench: Proxied, status: int) -> None:
    place = bench.open()
    token = staged(place, NAME)
    bench.proxy.add(Rule(Answer(status, "Conflict"), **COMPLETION))
    with pytest.raises(DestinationError) as caught:
        place.publish(token)
    assert (caught.value.code, caught.value.permanent) == ("D105", False)
    assert bench.completions() == 1
    bench.proxy.clear()
    assert place.publish(token) is Published.DONE


def test_what_stays_undone_is_transient_and_the_next_call_completes_it(either: Proxied) -> None:
    place = either.open()
    token = staged(place, NAME)
    either.proxy.add(Rule(Drop(), **COMPLETION))
    with pytest.raises(DestinationError) as caught:
        place.publish(token)
    assert (caught.value.code, caught.value.permanent) == ("D105", False)
    assert either.visible() == {}
    either.proxy.clear()
    assert place.publish(token) is Published.DONE


@pytest.mark.parametrize(
    "look", [Drop(), Answer(403, "AccessDenied"), Answer(500)], ids=["lost", "forbidden", "failing"]
)
@pytest.mark.parametrize("done", [Lose(), Drop()], ids=["done", "undone"])
def test_who_cant_look_says_so_and_sends_nothing(either: Proxied, done: Fault, look: Fault) -> None:
    place = either.open()
    token = staged(place, NAME)
    either.proxy.add(Rule(done, **COMPLETION))
    either.proxy.add(Rule(look, when=is_look))
    with pytest.raises(OutcomeUnknown) as caught:
        place.publish(token)
    assert caught.value.exit_code == 75
    assert either.completions() == 1
    either.proxy.clear()
    assert place.publish(token) in HERE
    assert either.visible() == {NAME: b"data"}


def test_a_lost_answer_then_a_recipient_who_takes_the_file(bench: Proxied) -> None:
    place = bench.open()
    token = staged(place, NAME)
    bench.proxy.add(Rule(Lose(), **COMPLETION))
    bench.proxy.add(Rule(Drop(), when=is_look))
    with pytest.raises(OutcomeUnknown):
        place.publish(token)
    bench.remove(NAME)
    bench.proxy.clear()
    assert place.publish(token) is Published.COLLECTED
    assert bench.visible() == {}


def test_a_forbidden_completion_is_a_missing_permission(bench: Proxied) -> None:
    place = bench.open()
    token = staged(place, NAME)
    bench.proxy.add(Rule(Answer(403, "AccessDenied"), **COMPLETION))
    with pytest.raises(DestinationError, match="s3:PutObject") as caught:
        place.publish(token)
    assert (caught.value.code, caught.value.permanent) == ("D104", True)


def test_who_cant_read_and_finds_another_file(seaweed_server: S3Server, seaweed_proxy: FaultProxy) -> None:
    bench = Proxied(seaweed_server, seaweed_proxy, access="write-only")
    place = bench.open()
    token = staged(place, NAME)
    bench.put(NAME, b"theirs")
    with pytest.raises(DestinationError) as caught:
        place.publish(token)
    assert caught.value.code == "D120"
    assert bench.completions() == 1


# staging

OPENING = {"method": "POST", "path": r"\?uploads"}
PART = {"method": "PUT", "path": "partNumber="}


@pytest.mark.parametrize("fault", [Lose(), Drop(), Answer(500), Answer(500, after=True)], ids=str)
def test_an_upload_whose_opening_was_unclear_isnt_left_behind(either: Proxied, fault: Fault) -> None:
    place = either.open()
    either.proxy.add(Rule(fault, **OPENING, nth=1))
    token = staged(place, NAME)
    assert len(either.leftovers()) == 1
    place.publish(token)
    assert either.leftovers() == []


@pytest.mark.parametrize("fault", [Lose(), Drop(), Answer(500), Answer(503, "SlowDown", after=True)], ids=str)
def test_parts_are_sent_again(bench: Proxied, fault: Fault) -> None:
    place = bench.open()
    for number in (1, 3):
        bench.proxy.add(Rule(fault, method="PUT", path=f"partNumber={number}", nth=1))
    data = content(20 << 20)
    place.publish(staged(place, NAME, data))
    assert bench.visible() == {NAME: data}


def test_a_store_that_stays_away_is_transient_and_abort_never_raises(bench: Proxied) -> None:
    place = bench.open()
    sink = place.stage(RUN, NAME)
    sink.write(b"x")
    bench.proxy.add(Rule(Drop()))
    with pytest.raises(DestinationError) as caught:
        sink.finish(1)
    assert (caught.value.code, caught.value.permanent) == ("D105", False)
    sink.abort()
    bench.proxy.clear()
    assert place.discard(RUN) == 1
    assert bench.leftovers() == []


def test_an_error_of_a_part_reaches_the_writer(bench: Proxied) -> None:
    sink = bench.open().stage(RUN, NAME)
    bench.proxy.add(Rule(Answer(403, "AccessDenied"), **PART))

    def write_on() -> None:
        for _ in range(8):
            sink.write(b"x" * (8 << 20))

    with pytest.raises(DestinationError, match="s3:PutObject"):
        write_on()
    sink.abort()
    assert bench.leftovers() == []


# discard, delete, owner


@pytest.mark.parametrize("fault", [Lose(), Drop(), Answer(500), Answer(404, "NoSuchUpload", after=True)], ids=str)
def test_discard_is_complete_whatever_aborts_answer(bench: Proxied, fault: Fault) -> None:
    place = bench.open()
    for n in range(4):
        staged(place, f"us/{n}-{RUN}.csv")
    for nth in (1, 3):
        bench.proxy.add(Rule(fault, method="DELETE", path="uploadId=", nth=nth))
    assert place.discard(RUN) == 4
    assert bench.leftovers() == []


def test_discard_goes_on_over_pages(bench: Proxied, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reconciler.destinations.s3_place._UPLOADS_PAGE", 2)
    place = bench.open()
    for n in range(7):
        staged(place, f"us/{n}-{RUN}.csv")
    assert len(list(place.staged(RUN))) == 7
    assert place.discard(RUN) == 7
    assert bench.leftovers() == []


def test_an_upload_that_comes_back_is_found_by_looking_again(bench: Proxied) -> None:
    """As after a part that was under way, or a second runner that hasn't noticed yet."""
    place = bench.open()
    staged(place, NAME)
    again: list[str] = []

    def reopen(request: Request) -> bool:
        if request.method == "GET" and "uploads" in request.path and len(again) == 1:
            again.append("reopened")
            bench.client.create_multipart_upload(Bucket=bench.bucket, Key=bench.prefix + NAME)
        elif request.method == "DELETE" and not again:
            again.append("aborted")
        return False

    bench.proxy.add(Rule(Drop(), when=reopen))
    assert place.discard(RUN) == 2
    assert bench.leftovers() == []


def test_a_discard_that_cant_end_says_so(bench: Proxied) -> None:
    place = bench.open()
    staged(place, NAME)
    bench.proxy.add(Rule(Answer(404, "NoSuchUpload"), method="DELETE"))
    with pytest.raises(DestinationError) as caught:
        place.discard(RUN)
    assert (caught.value.code, caught.value.permanent) == ("D123", False)


@pytest.mark.parametrize(
    "fault", [Lose(), Drop(), Answer(500), Answer(409, "OperationAborted"), Answer(500, after=True)], ids=str
)
def test_the_marker_is_written_once_whatever_is_answered(bench: Proxied, fault: Fault) -> None:
    bench.proxy.add(Rule(fault, method="PUT", conditional=True, nth=1))
    bench.open().claim_owner(LINEAGE)
    bench.proxy.clear()
    assert bench.open().owner() == LINEAGE


def test_an_unreadable_marker_is_unknown(bench: Proxied) -> None:
    bench.proxy.add(Rule(Lose(), method="PUT", conditional=True))
    bench.proxy.add(Rule(Drop(), when=is_look))
    with pytest.raises(OutcomeUnknown):
        bench.open().claim_owner(LINEAGE)


@pytest.mark.parametrize("fault", [Lose(), Drop(), Answer(500)], ids=str)
def test_deletes_are_sent_again(bench: Proxied, fault: Fault) -> None:
    bench.put("us/a", b"x")
    bench.put("us/b", b"x")
    bench.proxy.add(Rule(fault, method="POST", path=r"\?delete", nth=1))
    bench.open().delete(["us/a", "us/b"])
    assert bench.visible() == {}


def test_an_object_whose_bytes_stop_midway_isnt_taken_for_whole(bench: Proxied) -> None:
    bench.put("us/a", b"x" * 100)
    bench.proxy.add(Rule(Drop(), method="GET", path="us/a"))
    with pytest.raises(DestinationError) as caught:
        list(bench.open().read("us/a"))
    assert caught.value.code == "D105"


# expected owner


def test_every_request_names_the_expected_owner(seaweed_server: S3Server, seaweed_proxy: FaultProxy) -> None:
    bench = Proxied(seaweed_server, seaweed_proxy, expectedBucketOwner="123456789012")
    place = bench.open()
    place.probe()
    place.claim_owner(LINEAGE)
    place.owner()
    token = staged(place, NAME, content(20 << 20))
    place.publish(token)
    place.publish(token)
    list(place.list())
    list(place.read(NAME))
    place.stage(RUN, f"us/other-{RUN}.csv").abort()
    staged(place, f"us/third-{RUN}.csv")
    list(place.staged())
    place.discard(RUN)
    place.delete([NAME])
    assert len(bench.proxy.seen) > 30
    without = [r.path for r in bench.proxy.seen if r.headers.get("x-amz-expected-bucket-owner") != "123456789012"]
    assert without == []


def has_owner(request: Request) -> bool:
    return "x-amz-expected-bucket-owner" in request.headers


def test_a_bucket_of_another_owner_is_told_from_a_missing_permission(
    seaweed_server: S3Server, seaweed_proxy: FaultProxy
) -> None:
    bench = Proxied(seaweed_server, seaweed_proxy, expectedBucketOwner="123456789012")
    bench.proxy.add(Rule(Answer(403, "AccessDenied"), when=has_owner))
    with pytest.raises(DestinationError, match="123456789012") as caught:
        bench.open().probe()
    assert caught.value.code == "D103"
    assert [request.method for request in bench.proxy.seen if not has_owner(request)] == ["GET"]
    assert bench.leftovers() == []
    assert bench.names() == []


# the probe names what is missing

MISSING: dict[str, dict[str, Any]] = {
    "s3:PutObject": OPENING,
    "s3:ListBucketMultipartUploads": {"method": "GET", "path": r"[?&]uploads"},
    "s3:AbortMultipartUpload": {"method": "DELETE", "path": "uploadId="},
    "s3:GetObject": {"method": "GET", "path": r"reconciler-probe-[0-9a-f]+$"},
    "s3:ListBucket": {"method": "GET", "path": "list-type=2"},
    "s3:DeleteObject": {"method": "DELETE", "path": r"reconciler-probe-[0-9a-f]+$"},
}


@pytest.mark.parametrize("action", MISSING)
def test_probe_names_the_missing_permission(bench: Proxied, action: str) -> None:
    bench.proxy.add(Rule(Answer(403, "AccessDenied"), **MISSING[action]))
    with pytest.raises(DestinationError) as caught:
        bench.open().probe()
    assert caught.value.code == "D104"
    assert caught.value.permanent
    assert re.findall(r"(s3:\w+) is not allowed", caught.value.detail) == [action]
    assert bench.proxy.fired() > 0


@pytest.mark.parametrize("action", ["s3:GetObject", "s3:ListBucket", "s3:DeleteObject"])
def test_write_only_needs_less(seaweed_server: S3Server, seaweed_proxy: FaultProxy, action: str) -> None:
    bench = Proxied(seaweed_server, seaweed_proxy, access="write-only")
    bench.proxy.add(Rule(Answer(403, "AccessDenied"), **MISSING[action]))
    for _ in range(2):
        assert bench.open().probe().steps == ("wrote a probe that stays (write-only)",)
    assert bench.names() == [".reconciler-probe"]


ANSWERS = {
    "D102": (404, "NoSuchBucket"),
    "D105": (503, "SlowDown"),
    "D108": (400, "KMS.NotFoundException"),
    "D110": (400, "TooManyOfSomething"),
    "D111": (403, "InvalidAccessKeyId"),
    "D113": (301, "PermanentRedirect"),
}


@pytest.mark.parametrize("code", ANSWERS)
def test_probe_says_what_is_wrong(bench: Proxied, code: str) -> None:
    bench.proxy.add(Rule(Answer(*ANSWERS[code]), **OPENING))
    with pytest.raises(DestinationError) as caught:
        bench.open().probe()
    assert caught.value.code == code
    assert caught.value.permanent is (code != "D105")


@pytest.fixture(autouse=True)
def _forget(seaweed_proxy: FaultProxy) -> Iterator[None]:
    yield
    seaweed_proxy.clear()
