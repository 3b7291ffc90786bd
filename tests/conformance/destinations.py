"""The conformance suite of the destination port (reconciler/destinations/base.py): every type passes all of it.

A type's test file subclasses `DestinationConformance` and gives a `bench` fixture. What a connection can't do is
skipped through its declared capabilities alone.
"""

from __future__ import annotations

import hashlib
import random
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Protocol, TypeVar

import pytest

from reconciler.destinations.base import DESTINATION_EFFECTS, Destination, FileSink, Published
from reconciler.errors import DestinationError
from reconciler.values.staged import Content, StagedFile

RUN = "r0123456789abcdef"
OTHER = "rfedcba9876543210"
LINEAGE = "lineage-a"
HERE = frozenset({Published.DONE, Published.ALREADY})
"""Stores differ in whether they tell a repeated completion from the first."""


class Bench(Protocol):
    """A fresh, empty place of one type, and a stranger's eye and hand in it."""

    big: int
    """Bytes of a file that the type can't stage in one piece: more than two parts."""

    many: int
    """Files that the type can't list or delete by one request, where it does so by requests for many."""

    def open(self) -> Destination:
        """Another connection to the place, as another runner would open it."""
        ...

    def visible(self) -> dict[str, bytes]:
        """What a reader sees without our code, owner marker left out."""
        ...

    def put(self, name: str, content: bytes) -> None:
        """A stranger's file."""
        ...

    def remove(self, name: str) -> None:
        """The recipient takes a file."""
        ...

    def leftovers(self) -> list[str]:
        """Everything in the place that isn't a published file or the marker."""
        ...


def content(size: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(size)


def staged(place: Destination, name: str, data: bytes = b"data", run_id: str = RUN, rows: int = 3) -> StagedFile:
    sink = place.stage(run_id, name)
    sink.write(data)
    return sink.finish(rows)


def collected(place: Destination) -> Published:
    """What a published file that is gone counts as: who can't look knows only that it was published."""
    return Published.COLLECTED if place.capabilities.readable else Published.ALREADY


def fixed(data: bytes) -> Content:
    """What a file at a fixed name holds."""
    return Content(size=len(data), sha256=hashlib.sha256(data).hexdigest())


T = TypeVar("T")


def at_once(calls: Iterable[Callable[[], T]]) -> list[T]:
    """Calls from as many threads, released together."""
    listed = list(calls)
    barrier = threading.Barrier(len(listed))

    def released(call: Callable[[], T]) -> T:
        barrier.wait()
        return call()

    with ThreadPoolExecutor(len(listed)) as pool:
        return list(pool.map(released, listed))


class DestinationConformance:
    """All that the port promises."""

    @pytest.fixture
    def bench(self) -> Bench:
        raise NotImplementedError

    @pytest.fixture
    def place(self, bench: Bench) -> Destination:
        opened = bench.open()
        opened.claim_owner(LINEAGE)
        return opened

    @pytest.fixture
    def readable(self, place: Destination) -> Destination:
        if not place.capabilities.readable:
            pytest.skip("the connection can't read")
        return place

    @pytest.fixture
    def deletable(self, place: Destination) -> Destination:
        if not place.capabilities.deletable:
            pytest.skip("the connection can't delete")
        return place

    # probe, owner

    def test_effects_name_methods(self) -> None:
        assert all(hasattr(Destination, name) or hasattr(FileSink, name) for name in DESTINATION_EFFECTS)

    def test_probe_works_twice_and_leaves_nothing(self, bench: Bench) -> None:
        place = bench.open()
        assert place.probe().steps == place.probe().steps
        assert place.probe().steps
        if place.capabilities.deletable:
            assert bench.visible() == {}
        assert bench.leftovers() == []

    def test_probes_dont_disturb_each_other(self, bench: Bench) -> None:
        at_once([bench.open().probe] * 4)
        assert bench.leftovers() == []

    def test_owner_is_none_before_it_is_claimed(self, bench: Bench) -> None:
        bench.open().probe()
        assert bench.open().owner() is None

    def test_claim_is_idempotent(self, bench: Bench, readable: Destination) -> None:
        readable.claim_owner(LINEAGE)
        assert bench.open().owner() == LINEAGE
        assert bench.visible() == {}

    def test_another_lineages_marker_is_refused_untouched(self, bench: Bench, readable: Destination) -> None:
        with pytest.raises(DestinationError) as caught:
            bench.open().claim_owner("lineage-b")
        assert caught.value.code == "D101"
        assert caught.value.permanent
        assert bench.open().owner() == LINEAGE

    def test_of_many_claimants_one_wins(self, bench: Bench) -> None:
        if not bench.open().capabilities.readable:
            pytest.skip("the connection can't read")

        def claim(lineage: str) -> str | None:
            try:
                bench.open().claim_owner(lineage)
            except DestinationError as error:
                return None if error.code == "D101" else error.code
            return lineage

        bench.open().probe()
        won = [lineage for lineage in at_once([partial(claim, f"lineage-{n}") for n in range(6)]) if lineage]
        assert won == [bench.open().owner()]

    # stage

    def test_nothing_staged_is_visible(self, bench: Bench, place: Destination) -> None:
        sink = place.stage(RUN, f"us/part-{RUN}.gz.parquet")
        sink.write(b"data")
        assert bench.visible() == {}
        sink.finish(1)
        assert bench.visible() == {}
        if place.capabilities.readable:
            assert list(place.list()) == []
        assert list(place.staged(RUN)) == [f"us/part-{RUN}.gz.parquet"]
        assert list(place.staged()) == [f"us/part-{RUN}.gz.parquet"]
        assert list(place.staged(OTHER)) == []

    def test_token_tells_the_file(self, place: Destination) -> None:
        data = content(100_000)
        token = staged(place, f"us/part-{RUN}.csv", data, rows=7)
        assert (token.name, token.rows, token.size) == (f"us/part-{RUN}.csv", 7, len(data))
        assert token.sha256 == hashlib.sha256(data).hexdigest()
        assert StagedFile.model_validate_json(token.model_dump_json()) == token

    def test_write_takes_any_buffer_and_returns_its_bytes(self, bench: Bench, place: Destination) -> None:
        sink = place.stage(RUN, f"{RUN}.csv")
        assert sink.write(b"ab") == 2
        assert sink.write(bytearray(b"cd")) == 2
        assert sink.write(memoryview(b"efgh")[1:3]) == 2
        assert sink.write(memoryview(b"12345678").cast("I")) == 8
        assert sink.write(b"") == 0
        place.publish(sink.finish(1))
        assert bench.visible() == {f"{RUN}.csv": b"abcdfg12345678"}

    def test_a_buffer_may_be_used_again_after_write(self, bench: Bench, place: Destination) -> None:
        sink, buffer = place.stage(RUN, f"{RUN}.csv"), bytearray(1000)
        for value in range(50):
            buffer[:] = bytes([value]) * 1000
            sink.write(buffer)
        place.publish(sink.finish(1))
        assert bench.visible()[f"{RUN}.csv"] == b"".join(bytes([value]) * 1000 for value in range(50))

    def test_files_may_be_staged_at_the_same_time(self, bench: Bench, place: Destination) -> None:
        sinks = [place.stage(RUN, f"us/{RUN}-{n}.csv") for n in range(3)]
        for n in range(300):
            sinks[n % 3].write(bytes([n % 3]) * 1000)
        for sink in sinks:
            place.publish(sink.finish(1))
        assert bench.visible() == {f"us/{RUN}-{n}.csv": bytes([n]) * 100_000 for n in range(3)}

    @pytest.mark.parametrize(
        "name",
        ["../x", "/x", "a/../../x", "a//b", "a/./b", "a/", "", ".", "a\\b", "a\0b", "a\nb", ".reconciler-owner.json"],
    )
    def test_names_stay_inside(self, bench: Bench, place: Destination, name: str) -> None:
        for call in (
            lambda: place.stage(RUN, name),
            lambda: place.publish(StagedFile(name=name, staged="x", rows=0, size=0, sha256="")),
        ):
            with pytest.raises(DestinationError) as caught:
                call()
            assert caught.value.code == "D109"
        assert bench.leftovers() == []

    def test_abort_leaves_nothing_at_any_time(self, bench: Bench, place: Destination) -> None:
        early = place.stage(RUN, f"{RUN}-early.csv")
        early.abort()
        midway = place.stage(RUN, f"{RUN}-midway.csv")
        midway.write(content(bench.big // 2))
        midway.abort()
        midway.abort()
        late = place.stage(RUN, f"{RUN}-late.csv")
        late.write(b"x")
        late.finish(1)
        late.abort()
        assert list(place.staged()) == []
        assert bench.leftovers() == []
        assert bench.visible() == {}

    def test_abort_doesnt_take_back_what_is_published(self, bench: Bench, place: Destination) -> None:
        sink = place.stage(RUN, f"{RUN}.csv")
        sink.write(b"x")
        place.publish(sink.finish(1))
        sink.abort()
        assert bench.visible() == {f"{RUN}.csv": b"x"}

    # publish

    def test_publish_shows_the_file_whole_and_consumes_it(self, bench: Bench, place: Destination) -> None:
        data = content(50_000)
        token = staged(place, f"us/exportTime=202612020200/part-{RUN}.gz.parquet", data)
        assert place.publish(token) is Published.DONE
        assert bench.visible() == {token.name: data}
        assert list(place.staged()) == []
        assert bench.leftovers() == []
        if place.capabilities.readable:
            (found,) = place.list()
            assert (found.name, found.size) == (token.name, len(data))
            assert found.checksum in ("", token.checksum)
            assert b"".join(place.read(token.name)) == data

    def test_empty_file(self, bench: Bench, place: Destination) -> None:
        token = place.stage(RUN, f"{RUN}.csv").finish(0)
        assert (token.size, token.sha256) == (0, hashlib.sha256().hexdigest())
        assert place.publish(token) is Published.DONE
        assert bench.visible() == {f"{RUN}.csv": b""}
        assert place.publish(token) in HERE

    def test_file_of_many_parts(self, bench: Bench, place: Destination) -> None:
        data = content(bench.big)
        sink, view, at = place.stage(RUN, f"{RUN}.bin"), memoryview(data), 0
        for length in [1, 7_000_001, 13, *[3_333_333] * (len(data) // 3_333_333 + 1)]:
            sink.write(view[at : at + length])
            at += length
        token = sink.finish(1)
        assert token.size == len(data)
        assert place.publish(token) is Published.DONE
        assert hashlib.sha256(bench.visible()[token.name]).hexdigest() == token.sha256
        assert place.publish(token) in HERE

    @pytest.mark.parametrize("folder", ["größe/日本", "a b/c+d%20e", "k=v&x=y/~(1)!'@", "emoji-🙂"])
    def test_names_are_kept_as_they_are(self, bench: Bench, place: Destination, folder: str) -> None:
        token = staged(place, f"{folder}/part-{RUN}.csv")
        assert list(place.staged(RUN)) == [token.name]
        assert place.publish(token) is Published.DONE
        assert list(bench.visible()) == [token.name]
        if place.capabilities.readable:
            assert [found.name for found in place.list()] == [token.name]
            assert b"".join(place.read(token.name)) == b"data"
        if place.capabilities.deletable:
            place.delete([token.name])
            assert bench.visible() == {}

    def test_any_runner_publishes_from_the_token_and_again(self, bench: Bench, place: Destination) -> None:
        token = StagedFile.model_validate_json(staged(place, f"{RUN}.csv").model_dump_json())
        assert bench.open().publish(token) is Published.DONE
        assert bench.open().publish(token) in HERE
        assert place.publish(token) in HERE
        assert bench.visible() == {f"{RUN}.csv": b"data"}

    def test_publishers_at_once(self, bench: Bench, place: Destination) -> None:
        for n in range(5):
            token = staged(place, f"us/{n}/{RUN}.csv", content(20_000, n))
            places = [bench.open() for _ in range(6)]
            outcomes = at_once([partial(each.publish, token) for each in places])
            assert Published.DONE in outcomes
            assert set(outcomes) <= HERE
            assert bench.visible()[token.name] == content(20_000, n)
        assert bench.leftovers() == []

    def test_a_different_file_is_never_overwritten(self, bench: Bench, place: Destination) -> None:
        name = f"us/{RUN}.csv"
        token = staged(place, name, b"mine")
        bench.put(name, b"theirs and longer")
        with pytest.raises(DestinationError) as caught:
            place.publish(token)
        assert caught.value.code == "D120"
        assert caught.value.permanent
        assert bench.visible() == {name: b"theirs and longer"}

    def test_a_different_file_of_the_same_size_is_never_overwritten(self, bench: Bench, place: Destination) -> None:
        name = f"us/{RUN}-{OTHER}.csv"
        mine, theirs = staged(place, name, b"mine1"), staged(bench.open(), name, b"other", OTHER)
        assert place.publish(theirs) is Published.DONE
        for _ in range(2):
            with pytest.raises(DestinationError) as caught:
                place.publish(mine)
            assert caught.value.code == "D120"
        assert bench.visible() == {name: b"other"}

    def test_a_different_file_after_ours_was_consumed(self, bench: Bench, readable: Destination) -> None:
        place = readable
        token = staged(place, f"{RUN}.csv", b"mine1")
        place.publish(token)
        bench.remove(token.name)
        bench.put(token.name, b"other")
        with pytest.raises(DestinationError) as caught:
            place.publish(token)
        assert caught.value.code == "D120"
        assert bench.visible() == {token.name: b"other"}

    def test_a_late_publisher_doesnt_recreate_what_was_taken(self, bench: Bench, place: Destination) -> None:
        token = staged(place, f"us/{RUN}.csv")
        place.publish(token)
        bench.remove(token.name)
        assert bench.open().publish(token) is collected(place)
        assert place.publish(token) is collected(place)
        assert bench.visible() == {}
        assert bench.leftovers() == []

    def test_late_publishers_at_once_after_a_purge(self, bench: Bench, deletable: Destination) -> None:
        token = staged(deletable, f"us/{RUN}.csv")
        deletable.publish(token)
        deletable.delete([token.name])
        outcomes = at_once([partial(bench.open().publish, token) for _ in range(4)])
        assert outcomes == [Published.COLLECTED] * 4
        assert bench.visible() == {}

    def test_neither_staged_nor_there_after_expiry_is_for_a_person(self, bench: Bench, place: Destination) -> None:
        token = staged(place, f"us/{RUN}.csv")
        place.publish(token)
        bench.remove(token.name)
        expired = token.model_copy(update={"expires": datetime.now(UTC) - timedelta(seconds=1)})
        with pytest.raises(DestinationError) as caught:
            place.publish(expired)
        assert caught.value.code == "D130"
        assert caught.value.permanent
        later = token.model_copy(update={"expires": datetime.now(UTC) + timedelta(hours=1)})
        assert place.publish(later) is collected(place)

    # replace

    def replacing(self, place: Destination, data: bytes, *over: bytes, run_id: str = RUN) -> StagedFile:
        """A token for the fixed name, over what earlier runs put there."""
        sink = place.stage(run_id, "us/newest.csv", tuple(fixed(each) for each in over))
        sink.write(data)
        return sink.finish(3)

    @pytest.fixture
    def replaceable(self, place: Destination) -> Destination:
        if not (place.capabilities.readable and place.capabilities.deletable):
            with pytest.raises(DestinationError) as caught:
                place.stage(RUN, "us/newest.csv", ())
            assert caught.value.code == "D114"
            pytest.skip("the connection can't look at what is there")
        return place

    def test_replace_shows_either_file_whole(self, bench: Bench, replaceable: Destination) -> None:
        first, second = content(300_000, 1), content(200_000, 2)
        one = self.replacing(replaceable, first)
        assert bench.visible() == {}
        assert list(replaceable.staged(RUN)) == list(replaceable.staged()) == ["us/newest.csv"]
        assert list(replaceable.staged(OTHER)) == []
        assert replaceable.publish(one) is Published.DONE
        two = self.replacing(replaceable, second, first, run_id=OTHER)
        assert bench.visible() == {"us/newest.csv": first}
        assert StagedFile.model_validate_json(two.model_dump_json()) == two
        assert bench.open().publish(two) is Published.DONE
        assert bench.visible() == {"us/newest.csv": second}
        assert bench.open().publish(two) in HERE
        assert [found.name for found in replaceable.list()] == ["us/newest.csv"]
        assert list(replaceable.staged()) == []
        assert bench.leftovers() == []

    def test_a_late_publisher_doesnt_bring_back_what_was_replaced(self, bench: Bench, replaceable: Destination) -> None:
        one = self.replacing(replaceable, b"first")
        replaceable.publish(one)
        replaceable.publish(self.replacing(replaceable, b"second", b"first", run_id=OTHER))
        assert bench.open().publish(one) is Published.COLLECTED
        assert bench.visible() == {"us/newest.csv": b"second"}

    def test_what_no_run_put_there_isnt_replaced(self, bench: Bench, replaceable: Destination) -> None:
        bench.put("us/newest.csv", b"theirs")
        token = self.replacing(replaceable, b"ours", b"other!", b"longer than that")
        with pytest.raises(DestinationError) as caught:
            replaceable.publish(token)
        assert caught.value.code == "D120"
        assert bench.visible() == {"us/newest.csv": b"theirs"}
        bench.remove("us/newest.csv")
        assert replaceable.publish(token) in HERE
        assert bench.visible() == {"us/newest.csv": b"ours"}
        assert bench.leftovers() == []

    def test_the_same_content_replaces_itself(self, bench: Bench, replaceable: Destination) -> None:
        replaceable.publish(self.replacing(replaceable, b"same"))
        assert replaceable.publish(self.replacing(replaceable, b"same", b"same", run_id=OTHER)) in HERE
        assert bench.visible() == {"us/newest.csv": b"same"}
        assert list(replaceable.staged()) == []
        assert bench.leftovers() == []

    def test_replacers_at_once(self, bench: Bench, replaceable: Destination) -> None:
        before = b"start"
        replaceable.publish(self.replacing(replaceable, before))
        for n in range(3):
            data = content(20_000, n)
            token = self.replacing(replaceable, data, before, run_id=OTHER)
            outcomes = at_once([partial(bench.open().publish, token) for _ in range(4)])
            assert set(outcomes) <= HERE
            assert bench.visible() == {"us/newest.csv": data}
            before = data
        assert bench.leftovers() == []

    def test_discard_finds_what_was_to_replace(self, bench: Bench, replaceable: Destination) -> None:
        replaceable.publish(self.replacing(replaceable, b"first"))
        token = self.replacing(replaceable, b"second", b"first", run_id=OTHER)
        assert replaceable.discard(RUN) == 0
        assert bench.open().discard(OTHER) == 1
        assert replaceable.publish(token) is Published.COLLECTED
        assert bench.visible() == {"us/newest.csv": b"first"}
        assert bench.leftovers() == []

    # discard

    def test_discard_removes_one_runs_staged_files_and_nothing_else(self, bench: Bench, place: Destination) -> None:
        place.publish(staged(place, f"us/done-{RUN}.csv"))
        for n in range(3):
            staged(place, f"us/{n}-{RUN}.csv")
        place.stage(RUN, f"us/open-{RUN}.csv").write(b"never finished: its runner died")
        other = staged(place, f"us/part-{OTHER}.csv", run_id=OTHER)
        assert bench.open().discard(RUN) == 4
        assert list(place.staged()) == [other.name]
        assert place.discard(RUN) == 0
        assert place.publish(other) is Published.DONE
        assert sorted(bench.visible()) == [f"us/done-{RUN}.csv", f"us/part-{OTHER}.csv"]
        assert bench.leftovers() == []

    def test_discard_finds_the_run_in_the_folder_too(self, bench: Bench, place: Destination) -> None:
        staged(place, f"us/exportTime=202612020200-{RUN}/part-00000.csv")
        assert place.discard(RUN) == 1
        assert bench.leftovers() == []

    def test_discards_at_once(self, bench: Bench, place: Destination) -> None:
        for n in range(6):
            staged(place, f"us/{n}-{RUN}.csv")
        at_once([partial(bench.open().discard, RUN) for _ in range(4)])
        assert list(place.staged()) == []
        assert bench.leftovers() == []

    def test_who_still_writes_a_discarded_file_is_told(self, bench: Bench, place: Destination) -> None:
        sink = place.stage(RUN, f"us/{RUN}.csv")
        sink.write(b"x")
        bench.open().discard(RUN)

        def go_on() -> None:
            sink.write(content(bench.big))
            sink.finish(1)

        with pytest.raises(DestinationError) as caught:
            go_on()
        assert caught.value.code == "D121"
        sink.abort()
        assert bench.visible() == {}
        assert bench.leftovers() == []

    def test_a_discarded_file_isnt_published(self, bench: Bench, place: Destination) -> None:
        token = staged(place, f"us/{RUN}.csv")
        place.discard(RUN)
        assert place.publish(token) is collected(place)
        assert bench.visible() == {}

    # list, read, delete

    def test_list_is_sorted_and_by_prefix(self, bench: Bench, readable: Destination) -> None:
        names = ["a/1", "a/2/x", "a-b/1", "a.b", "a0", "b/é", "b/z", "ä/1"]
        for name in names:
            bench.put(name, name.encode())
        staged(readable, f"a/{RUN}.csv")
        expected = sorted(names)
        assert [found.name for found in readable.list()] == expected
        assert [found.size for found in readable.list()] == [len(name.encode()) for name in expected]
        for prefix in ("a", "a/", "a/2", "b/", "a-", "none/", "none", "a/1"):
            assert [found.name for found in readable.list(prefix)] == [
                name for name in expected if name.startswith(prefix)
            ]

    def test_read_of_a_missing_file(self, readable: Destination) -> None:
        for name in ("none", "no/folder/none"):
            with pytest.raises(DestinationError) as caught:
                list(readable.read(name))
            assert caught.value.code == "D131"

    def test_delete_removes_named_files_missing_ones_are_fine(self, bench: Bench, deletable: Destination) -> None:
        for name in ("us/a", "us/b", "us/c/d"):
            bench.put(name, b"x")
        deletable.delete(["us/a", "us/none", "no/folder", "us/c/d"])
        assert list(bench.visible()) == ["us/b"]
        deletable.delete(["us/a"])
        deletable.delete([])
        assert list(bench.visible()) == ["us/b"]
        assert bench.leftovers() == []

    def test_delete_of_very_many(self, bench: Bench, deletable: Destination) -> None:
        names = [f"many/{n:04d}" for n in range(bench.many)]
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda name: bench.put(name, b"x"), names))
        assert [found.name for found in deletable.list("many/")] == names
        deletable.delete(iter(names))
        assert bench.visible() == {}

    def test_delete_keeps_to_the_place(self, deletable: Destination) -> None:
        for name in ("../x", "/x", ".reconciler-owner.json"):
            with pytest.raises(DestinationError) as caught:
                deletable.delete([name])
            assert caught.value.code == "D109"
        assert deletable.owner() == LINEAGE

    def test_what_a_connection_cant_do_it_refuses(self, place: Destination) -> None:
        if not place.capabilities.readable:
            for call in (lambda: list(place.list()), lambda: list(place.read("x"))):
                with pytest.raises(DestinationError) as caught:
                    call()
                assert caught.value.code == "D114"
        if not place.capabilities.deletable:
            with pytest.raises(DestinationError) as caught:
                place.delete(["x"])
            assert caught.value.code == "D114"

    def test_location_is_for_people(self, place: Destination) -> None:
        assert place.location("us/x.csv") == f"{place.location()}/us/x.csv"
