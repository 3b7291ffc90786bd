"""The outcome of a conditional write is told truthfully, whatever happens to its answer."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import OutcomeUnknown, StoreError
from reconciler.ledger.store import AmbiguousWrite, PreconditionFailed, Stored
from reconciler.stores.memory import MemoryStore
from reconciler.stores.writes import (
    SUPERSEDED,
    Committed,
    Lost,
    Patience,
    commit_create,
    commit_delete,
    commit_replace,
)

KEY = "flows/a/audience/b"
DONE_LOST, NOT_DONE_LOST, DONE_DENIED, RIVAL_FIRST, RIVAL_AFTER = (
    "done-lost",
    "lost",
    "done-denied",
    "rival",
    "rival-after",
)


def body(nonce: str, *earlier: str) -> bytes:
    return json.dumps({"nonce": nonce, "nonces": list(earlier)}).encode()


class Flaky(MemoryStore):
    """A store in memory that plays one fault per write, then answers well.

    Remembers every nonce that was ever written.
    """

    def __init__(self, *faults: str) -> None:
        super().__init__()
        self.faults = list(faults)
        self.reads_fail = False
        self.sent = 0
        self.written: set[str] = set()
        self.refusal = StoreError("L135", "the ledger's store forbids a needed action", "s3:PutObject")

    def read(self, key: str) -> Stored | None:
        if self.reads_fail:
            raise StoreError("L130", "the ledger can't be reached", "time-out")
        return super().read(key)

    def create(self, key: str, body: bytes) -> str:
        return self._play(key, lambda: self._remember(body, MemoryStore.create(self, key, body)))

    def replace(self, key: str, body: bytes, version: str) -> str:
        return self._play(key, lambda: self._remember(body, MemoryStore.replace(self, key, body, version)))

    def delete(self, key: str, version: str) -> None:
        def act() -> str:
            MemoryStore.delete(self, key, version)
            return ""

        self._play(key, act)

    def rival(self, key: str) -> None:
        """Another runner's transition, which remembers the nonces before it."""
        before = MemoryStore.read(self, key)
        nonce = f"rival-{self.sent}-{len(self.written)}"
        if before is None:
            self._remember(body(nonce), MemoryStore.create(self, key, body(nonce)))
            return
        document = json.loads(before.body)
        after = body(nonce, *document["nonces"], document["nonce"])
        self._remember(after, MemoryStore.replace(self, key, after, before.version))

    def _remember(self, body: bytes, version: str) -> str:
        self.written.add(json.loads(body)["nonce"])
        return version

    def _play(self, key: str, act: Callable[[], str]) -> str:
        self.sent += 1
        match self.faults.pop(0) if self.faults else None:
            case None:
                return act()
            case "lost":
                raise AmbiguousWrite(key, "reset")
            case "done-lost":
                with contextlib.suppress(PreconditionFailed):
                    act()
                raise AmbiguousWrite(key, "reset")
            case "done-denied":
                act()
                raise PreconditionFailed(key)
            case "rival":
                self.rival(key)
                return act()
            case "rival-after":
                act()
                self.rival(key)
                raise AmbiguousWrite(key, "time-out")
            case "forbidden":
                raise self.refusal
            case other:
                raise AssertionError(other)


class Waits:
    def __init__(self) -> None:
        self.seconds: list[float] = []

    def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def started(*faults: str) -> tuple[Flaky, str]:
    """A store that holds a document, and its version; the faults come after."""
    store = Flaky()
    version = store.create(KEY, body("old"))
    store.sent = 0
    store.faults = list(faults)
    return store, version


@pytest.mark.parametrize(
    ("faults", "sent"),
    [
        ((), 1),
        ((DONE_LOST,), 1),
        ((NOT_DONE_LOST,), 2),
        ((NOT_DONE_LOST, NOT_DONE_LOST, DONE_LOST), 3),
        ((DONE_DENIED,), 1),
        ((NOT_DONE_LOST, DONE_DENIED), 2),
    ],
)
def test_a_write_that_happened_is_committed_with_its_version(faults: tuple[str, ...], sent: int) -> None:
    for store, version in ((Flaky(*faults), None), started(*faults)):
        if version is None:
            outcome = commit_create(store, KEY, body("mine"), "mine", sleep=Waits())
        else:
            outcome = commit_replace(store, KEY, body("mine"), version, "mine", sleep=Waits())
        current = store.read(KEY)
        assert current is not None
        assert outcome == Committed(current.version)
        assert json.loads(current.body)["nonce"] == "mine"
        assert store.sent == sent


def test_a_write_under_a_later_one_is_committed_without_a_usable_version() -> None:
    store, version = started(RIVAL_AFTER)
    outcome = commit_replace(store, KEY, body("mine", "old"), version, "mine", sleep=Waits())
    assert outcome == Committed(SUPERSEDED, newer=store.read(KEY))
    with pytest.raises(PreconditionFailed):
        store.replace(KEY, body("next"), SUPERSEDED)


@pytest.mark.parametrize("faults", [(RIVAL_FIRST,), (NOT_DONE_LOST, RIVAL_FIRST)])
def test_a_write_after_anothers_is_lost_and_shows_the_other(faults: tuple[str, ...]) -> None:
    for store, version in ((Flaky(*faults), None), started(*faults)):
        if version is None:
            outcome = commit_create(store, KEY, body("mine"), "mine", sleep=Waits())
        else:
            outcome = commit_replace(store, KEY, body("mine"), version, "mine", sleep=Waits())
        assert outcome == Lost(store.read(KEY))
        assert "mine" not in store.written


def test_replacing_what_is_gone_is_lost() -> None:
    store, version = started()
    store.delete(KEY, version)
    assert commit_replace(store, KEY, body("mine"), version, "mine", sleep=Waits()) == Lost(None)


@pytest.mark.parametrize("faults", [(), (DONE_LOST,), (NOT_DONE_LOST,), (DONE_DENIED,), (NOT_DONE_LOST, DONE_LOST)])
def test_a_delete_whose_answer_is_lost_is_found_out(faults: tuple[str, ...]) -> None:
    store, version = started(*faults)
    assert commit_delete(store, KEY, version, sleep=Waits()) == Committed("")
    assert store.read(KEY) is None


def test_a_delete_after_anothers_write_is_lost() -> None:
    store, version = started(RIVAL_FIRST)
    assert commit_delete(store, KEY, version, sleep=Waits()) == Lost(store.read(KEY))


def test_what_cannot_be_read_back_is_unknown() -> None:
    store, version = started(DONE_LOST)
    store.reads_fail = True
    with pytest.raises(OutcomeUnknown, match="L103") as caught:
        commit_replace(store, KEY, body("mine"), version, "mine", sleep=Waits())
    assert caught.value.exit_code == 75
    assert store.sent == 1


def test_what_is_torn_when_read_back_is_unknown() -> None:
    store, version = started(NOT_DONE_LOST)
    MemoryStore.replace(store, KEY, b'{"nonce": "mi', version)
    with pytest.raises(OutcomeUnknown):
        commit_replace(store, KEY, body("mine"), version, "mine", sleep=Waits())


def test_a_write_that_never_arrives_is_given_up_as_unknown_after_growing_waits() -> None:
    store, version = started(*[NOT_DONE_LOST] * 100)
    waits = Waits()
    with pytest.raises(OutcomeUnknown):
        commit_replace(
            store, KEY, body("mine"), version, "mine", sleep=waits, patience=Patience(tries=8, first=1, longest=10)
        )
    assert store.sent == 8
    assert len(waits.seconds) == 7
    for n, seconds in enumerate(waits.seconds):
        assert min(10, 2**n) / 2 <= seconds <= min(10, 2**n)


def test_a_refusal_is_passed_on_at_first_and_unknown_after_a_lost_answer() -> None:
    store, version = started("forbidden")
    with pytest.raises(StoreError, match="L135"):
        commit_replace(store, KEY, body("mine"), version, "mine", sleep=Waits())
    store, version = started(NOT_DONE_LOST, "forbidden")
    with pytest.raises(OutcomeUnknown, match="s3:PutObject"):
        commit_replace(store, KEY, body("mine"), version, "mine", sleep=Waits())


FAULT = st.sampled_from([DONE_LOST, NOT_DONE_LOST, RIVAL_FIRST, RIVAL_AFTER])


@given(faults=st.lists(FAULT, max_size=12), existing=st.booleans())
def test_what_is_told_is_what_happened(faults: list[str], existing: bool) -> None:
    """Committed exactly if the nonce was ever written, lost exactly if it never was."""
    store, version = started() if existing else (Flaky(), "")
    store.faults = list(faults)
    try:
        if existing:
            outcome = commit_replace(store, KEY, body("mine", "old"), version, "mine", sleep=Waits())
        else:
            outcome = commit_create(store, KEY, body("mine"), "mine", sleep=Waits())
    except OutcomeUnknown:
        assert len(faults) >= 6
        return
    current = MemoryStore.read(store, KEY)
    assert current is not None
    match outcome:
        case Committed(told, newer):
            assert "mine" in store.written
            assert (told == current.version) == (newer is None)
        case Lost(seen):
            assert "mine" not in store.written
            assert seen == current
