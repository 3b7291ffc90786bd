"""Many comparisons in one read: each gives what it gives alone, to the byte, and what one meets is its own."""

from __future__ import annotations

import errno
import threading
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reconciler.accounts.secrets import Secret
from reconciler.datasets.base import Access
from reconciler.errors import DestinationError, Refused, SourceError
from reconciler.export.budget import Budget
from reconciler.export.changes.job import ChangesOutcome, ChangesResult
from reconciler.export.changes.spill import Buckets
from reconciler.export.job import Interrupted
from reconciler.export.together import SharingPolarsEngine
from reconciler.resources.formats import Files
from tests.export.changes.support_changes import Arrived, Flow, consent, declared, person

WAYS: tuple[dict[str, Any], ...] = (
    {},
    {"where": "score < 2"},
    {"where": "score >= 2", "consent": consent()},
    {"output": Files(max_rows=2)},
)


class House:
    """Flows over one dataset, each as often alone as it is with the others. `opened`: files that were asked for in common."""

    def __init__(self, folder: Path, flows: int, **more: Any) -> None:
        self.opened: Counter[str] = Counter()
        self.data = folder / "data"
        self.flows = [self._flow(folder / f"together-{at}", at, more) for at in range(flows)]
        self.apart = [self._flow(folder / f"apart-{at}", at, more) for at in range(flows)]

    def _flow(self, folder: Path, at: int, more: dict[str, Any]) -> Flow:
        folder.mkdir()
        told: Any = ("ignore", "tombstone", "folder")[at % 3]
        flow = Flow(folder, removed=told, shared=self.data, salt=f"{at:02x}" * 32)
        for name, value in more.items():
            setattr(flow, name, value)
        return flow

    def put(self, *files: Sequence[dict[str, Any]]) -> None:
        self.flows[0].put(*files)

    def together(self, rules: Sequence[dict[str, Any]], budget: Budget | None = None) -> list[ChangesOutcome]:
        engine = SharingPolarsEngine(lambda _: Secret(self.flows[0].secret), budget or Budget())
        with ExitStack() as stack:
            tasks = [stack.enter_context(flow.begun(**rule)) for flow, rule in zip(self.flows, rules, strict=True)]
            return engine.compare_together(self._access(), tasks)

    def _access(self) -> Access:
        house = self

        class Counting(Access):
            def uri(self, path: str) -> str:
                house.opened[path] += 1
                return super().uri(path)

        return Counting(str(self.data))

    def night(self, rules: Sequence[dict[str, Any]]) -> list[Arrived]:
        """All together, as each does alone."""
        found = []
        for flow, alone, rule, outcome in zip(self.flows, self.apart, rules, self.together(rules), strict=True):
            found.append(same(flow, alone, rule, outcome))
        return found


def same(flow: Flow, alone: Flow, rule: dict[str, Any], outcome: ChangesOutcome) -> Arrived:
    assert isinstance(outcome, ChangesResult), outcome
    arrived, expected = flow.ended(outcome), alone.run(**rule)
    assert arrived.rows == expected.rows
    assert arrived.removed == expected.removed
    assert arrived.result.changes == expected.result.changes
    assert written(flow) == written(alone)
    found, wanted = arrived.result.export, expected.result.export
    assert (found.read, found.matched, found.excluded) == (wanted.read, wanted.matched, wanted.excluded)
    return arrived


def written(flow: Flow) -> dict[str, bytes]:
    return {str(path.relative_to(flow.out)): path.read_bytes() for path in flow.out.rglob("*.parquet")}


PEOPLE = st.lists(
    st.lists(
        st.builds(
            person, st.integers(0, 9) | st.none(), score=st.integers(0, 3), consent=st.sampled_from(["yes", "no"])
        ),
        max_size=8,
    ),
    min_size=1,
    max_size=3,
)


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(nights=st.lists(PEOPLE, min_size=1, max_size=3), latest=st.booleans(), ways=st.permutations(WAYS))
def test_each_is_what_it_is_alone(
    tmp_path_factory: pytest.TempPathFactory, nights: list[Any], latest: bool, ways: list[dict[str, Any]]
) -> None:
    more = {"dataset": declared(latestBy="seen")} if latest else {}
    house = House(tmp_path_factory.mktemp("house"), len(ways), **more)
    for night in nights:
        house.put(*night)
        house.night(ways)


def test_files_are_read_as_often_as_by_one(tmp_path: Path) -> None:
    """For the keys of all, and once more where a row leaves of any."""
    house = House(tmp_path, 4)
    files = [[person(at * 10 + number, score=number) for number in range(10)] for at in range(3)]
    house.put(*files)
    house.night([{}, {"where": "score < 2"}, {"where": "score > 5"}, {}])
    files[1][0]["score"] = 7
    house.put(*files)
    house.opened.clear()
    found = house.night([{}, {"where": "score < 2"}, {"where": "score > 5"}, {}])
    assert [len(each.rows) for each in found] == [1, 1, 1, 1], "the second's is a tombstone"
    footers = keys = leaves = 1
    others = footers + footers + keys
    assert house.opened == {"0.parquet": others, "1.parquet": others + footers + leaves, "2.parquet": others}


def test_keys_are_compared_by_one_thread(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each thread keeps what it has freed: of twelve that sorted a million keys each, half a gigabyte more than of one."""
    from reconciler.export.changes import export

    house = House(tmp_path, 4)
    house.put([person(at) for at in range(20)])
    real, by = export._parts, set()

    def compared(*given: Any) -> Any:
        by.add(threading.current_thread())
        return real(*given)

    with monkeypatch.context() as patch:
        patch.setattr(export, "_parts", compared)
        house.together([{}] * 4)
    assert len(by) == 1


def test_one_whose_destination_or_secret_fails_leaves_the_others_whole(tmp_path: Path) -> None:
    house = House(tmp_path, 4)
    house.put([person(at) for at in range(20)])
    house.night([{}] * 4)
    house.put([person(at) for at in range(5, 30)])
    assert house.flows[2].previous is not None
    house.flows[2].previous = house.flows[2].previous.model_copy(update={"check": "another"})
    found = house.together([{"fail": 100}, {}, {}, {}])
    assert isinstance(found[0], DestinationError)
    assert isinstance(found[2], Refused)
    for at in (1, 3):
        same(house.flows[at], house.apart[at], {}, found[at])


def test_what_cannot_be_read_ends_those_that_need_it(tmp_path: Path) -> None:
    house = House(tmp_path, 3)
    house.put([person(1), person(2)])
    (house.data / "1.parquet").write_bytes(b"PAR1 and no more")
    assert [type(each) for each in house.together([{}] * 3)] == [SourceError] * 3
    (house.data / "1.parquet").unlink()
    house.night([{}] * 3)


def test_one_that_is_stopped_leaves_the_others_whole(tmp_path: Path) -> None:
    house = House(tmp_path, 3)
    house.put([person(at) for at in range(20)])
    found = house.together([{"stop": lambda: True}, {}, {}])
    assert isinstance(found[0], Interrupted)
    for at in (1, 2):
        same(house.flows[at], house.apart[at], {}, found[at])


def test_who_finds_the_disk_full_tries_again_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    house = House(tmp_path, 3)
    house.put([person(at) for at in range(20)])
    real, met = Buckets.add, []

    def full(self: Buckets, frame: Any) -> None:
        if not met:
            met.append(1)
            raise OSError(errno.ENOSPC, "no room")
        real(self, frame)

    monkeypatch.setattr(Buckets, "add", full)
    house.night([{}] * 3)
    assert met


@pytest.mark.parametrize("scarce", ["memory", "files", "disk"])
def test_no_more_are_made_together_than_there_is_room_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, scarce: str
) -> None:
    """Two of four at once: twice as many reads."""
    from reconciler.export.changes import spill, together

    house = House(tmp_path, 4)
    house.put([person(at) for at in range(20)])
    house.night([{}] * 4)
    house.opened.clear()
    house.night([{}] * 4)
    once = house.opened["0.parquet"]
    match scarce:
        case "memory":
            monkeypatch.setattr(Budget, "compared", 2 * 20)
        case "files":
            monkeypatch.setattr(spill, "BUCKET", 10)
            monkeypatch.setattr(together, "_OPEN", 4)
        case _:
            monkeypatch.setattr(together, "_room", lambda _: 2 * 20 * together._LAID)
    house.opened.clear()
    house.night([{}] * 4)
    assert house.opened["0.parquet"] == 2 * once - 1, "how many rows there are is asked once"
