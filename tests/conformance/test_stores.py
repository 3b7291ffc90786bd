"""Every ledger store, the in-memory one included, passes all of this."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from reconciler.errors import StoreError
from reconciler.ledger.store import STORE_EFFECTS, PreconditionFailed, Store
from reconciler.stores.blobs import commit_blob, fetch_blob, sha256_of
from reconciler.stores.folder import FolderStore
from reconciler.stores.memory import MemoryStore
from reconciler.stores.writes import SUPERSEDED, Committed, Lost, Outcome
from tests.conformance.stores import (
    PATIENT,
    StoreCase,
    committed,
    count_up,
    count_up_in_folder,
    create,
    delete,
    document,
    fields,
    lost,
    race,
    replace,
    s3_case,
)
from tests.servers.faultproxy import Answer, Drop, Fault, FaultProxy, Lose, Rule, Strip
from tests.servers.s3 import S3Server

HEAD = "flows/agency-s3/audience/us-high-intent"


FAULTS: tuple[Fault, ...] = (
    Lose(),
    Drop(),
    Answer(503, "SlowDown"),
    Answer(500, "InternalError", after=True),
)
CASES = [
    "memory",
    "folder",
    "s3",
    "s3-no-answer-to-any-write",
    "s3-changing-faults",
    "s3-deletes-unconditionally",
    "moto",
]


@pytest.fixture(scope="module")
def seaweed_bucket(seaweed_server: S3Server) -> str:
    return seaweed_server.create_bucket()


@pytest.fixture(scope="module")
def moto_bucket(moto_server: S3Server) -> str:
    return moto_server.create_bucket()


@pytest.fixture(scope="module")
def seaweed_faults(seaweed_server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(seaweed_server.endpoint) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def moto_faults(moto_server: S3Server) -> Iterator[FaultProxy]:
    with FaultProxy(moto_server.endpoint) as proxy:
        yield proxy


def changing_faults(proxy: FaultProxy) -> None:
    """Four of five conditional writes meet a fault: the answer lost, the request dropped, refused, or done and
    denied.
    """
    for nth in range(1, 500, 5):
        for shift, fault in enumerate(FAULTS):
            proxy.add(Rule(fault, conditional=True, nth=nth + shift))


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, tmp_path: Path) -> StoreCase:
    name = request.param
    if name == "memory":
        store = MemoryStore()
        return StoreCase(name, lambda: store)
    if name == "folder":
        return StoreCase(name, lambda: FolderStore(tmp_path / "ledger"))
    kind = "moto" if name in ("moto", "s3-deletes-unconditionally") else "seaweed"
    server: S3Server = request.getfixturevalue(f"{kind}_server")
    bucket: str = request.getfixturevalue(f"{kind}_bucket")
    if name in ("s3", "moto"):
        return s3_case(name, server, bucket)
    proxy: FaultProxy = request.getfixturevalue(f"{kind}_faults")
    proxy.clear()
    match name:
        case "s3-no-answer-to-any-write":
            proxy.add(Rule(Lose(), conditional=True))
        case "s3-changing-faults":
            changing_faults(proxy)
        case _:
            proxy.add(Rule(Strip(("if-match",)), method="DELETE"))
    return s3_case(name, server.at(proxy.endpoint), bucket, answers=name == "s3-deletes-unconditionally")


@pytest.fixture
def store(case: StoreCase) -> Store:
    return case.open()


@pytest.fixture
def answering(case: StoreCase) -> Store:
    """A store whose primitives are called directly."""
    if not case.answers:
        pytest.skip("this store's answers get lost")
    return case.open()


def test_nothing_is_there_at_first(store: Store) -> None:
    assert store.read("project") is None
    assert list(store.list("")) == []


def test_a_document_is_read_as_it_was_written(store: Store) -> None:
    nonce, body = document(text="Zürich, 東京, 🏔, \u202e, \\u0000", number=1e300)
    version = committed(create(store, "project"))
    committed(replace(store, "project", version, text="Zürich, 東京, 🏔, \u202e", nul="\0"))
    assert fields(store, "project")["text"] == "Zürich, 東京, 🏔, \u202e"
    assert fields(store, "project")["nul"] == "\0"
    assert nonce.encode() in body


def test_another_runner_sees_a_write_at_once(case: StoreCase, store: Store) -> None:
    version = committed(create(store, HEAD, n=1))
    assert fields(case.open(), HEAD)["n"] == 1
    committed(replace(store, HEAD, version, n=2))
    assert fields(case.open(), HEAD)["n"] == 2


def test_create_never_overwrites(store: Store) -> None:
    committed(create(store, HEAD, by="first"))
    current = lost(create(store, HEAD, by="second")).current
    assert current is not None
    assert json.loads(current.body)["by"] == "first"
    assert fields(store, HEAD)["by"] == "first"


def test_replace_needs_the_current_version(store: Store) -> None:
    first = committed(create(store, HEAD, n=1))
    second = committed(replace(store, HEAD, first, n=2))
    assert second != first
    assert lost(replace(store, HEAD, first, n=3)).current == store.read(HEAD)
    assert fields(store, HEAD)["n"] == 2
    committed(replace(store, HEAD, second, n=4))


def test_replace_of_what_is_not_there_is_lost(store: Store) -> None:
    version = committed(create(store, "destinations/a"))
    assert lost(replace(store, HEAD, version)).current is None
    assert store.read(HEAD) is None


def test_a_version_that_nobody_gave_out_is_refused(store: Store) -> None:
    committed(create(store, HEAD, n=1))
    lost(replace(store, HEAD, SUPERSEDED, n=2))
    lost(replace(store, HEAD, "", n=2))
    assert fields(store, HEAD)["n"] == 1


def test_delete_needs_the_current_version(store: Store) -> None:
    first = committed(create(store, HEAD, n=1))
    second = committed(replace(store, HEAD, first, n=2))
    lost(delete(store, HEAD, first))
    assert fields(store, HEAD)["n"] == 2
    committed(delete(store, HEAD, second))
    assert store.read(HEAD) is None
    assert list(store.list("flows/")) == []


def test_a_deleted_document_does_not_come_back_under_an_old_version(store: Store) -> None:
    first = committed(create(store, HEAD, n=1))
    committed(delete(store, HEAD, first))
    lost(replace(store, HEAD, first, n=2))
    again = committed(create(store, HEAD, n=1))
    assert again != first
    lost(replace(store, HEAD, first, n=3))
    lost(delete(store, HEAD, first))
    assert fields(store, HEAD)["n"] == 1


def test_deleting_and_creating_go_on_for_ever(store: Store) -> None:
    seen = set()
    for n in range(6):
        version = committed(create(store, "staged/r0000000000000000", n=n))
        assert version not in seen
        seen.add(version)
        committed(delete(store, "staged/r0000000000000000", version))
        assert store.read("staged/r0000000000000000") is None


def test_the_primitives_say_no_clearly(answering: Store) -> None:
    version = answering.create(HEAD, document(n=1)[1])
    with pytest.raises(PreconditionFailed):
        answering.create(HEAD, document(n=2)[1])
    with pytest.raises(PreconditionFailed):
        answering.replace(HEAD, document(n=2)[1], "0" * 64)
    with pytest.raises(PreconditionFailed):
        answering.replace("flows/x/audience/y", document(n=2)[1], version)
    with pytest.raises(PreconditionFailed):
        answering.delete(HEAD, "0" * 64)
    answering.delete(HEAD, version)
    with pytest.raises(PreconditionFailed):
        answering.delete(HEAD, version)
    with pytest.raises(PreconditionFailed):
        answering.replace(HEAD, document(n=2)[1], version)


def test_every_effect_is_a_method(answering: Store) -> None:
    assert all(callable(getattr(answering, name)) for name in STORE_EFFECTS)


def test_list_gives_keys_by_prefix_sorted_with_their_versions(store: Store) -> None:
    keys = [
        "destinations/agency",
        "destinations/agency-2",
        "flows/agency/audience/us",
        "flows/agency/audience/us-2",
        "flows/agency/audience/us/daily",  # a feed: its flow's key is also its folder
        "flows/agency-2/audience/us",
        "project",
    ]
    versions = {key: committed(create(store, key)) for key in reversed(keys)}
    assert [key for key, _ in store.list("")] == sorted(keys)
    assert [key for key, _ in store.list("flows/agency")] == sorted(
        key for key in keys if key.startswith("flows/agency")
    )
    assert [key for key, _ in store.list("flows/agency/")] == sorted(
        key for key in keys if key.startswith("flows/agency/")
    )
    assert [key for key, _ in store.list("flows/agency/audience/us")] == [
        "flows/agency/audience/us",
        "flows/agency/audience/us-2",
        "flows/agency/audience/us/daily",
    ]
    assert list(store.list("nothing/")) == []
    for key, version in store.list(""):
        stored = store.read(key)
        assert stored is not None
        assert version == stored.version
        assert versions[key] in (version, SUPERSEDED)


def test_fetch_gives_every_document_by_prefix_sorted(store: Store) -> None:
    for key in ("flows/a/audience/us/daily", "flows/a/audience/us", "flows/b/audience/us", "flows-of-old", "project"):
        committed(create(store, key, own=key))
    found = list(store.fetch("flows/", {}))
    assert [key for key, _ in found] == ["flows/a/audience/us", "flows/a/audience/us/daily", "flows/b/audience/us"]
    assert [json.loads(stored.body)["own"] for _, stored in found] == [key for key, _ in found]
    assert found == [(key, store.read(key)) for key, _ in store.list("flows/")]
    assert next(key for key, _ in store.fetch("flows", {})) == "flows-of-old"
    assert list(store.fetch("nothing/", {})) == []


def test_fetch_reads_what_is_known_in_another_version(store: Store) -> None:
    first, second = (committed(create(store, key, n=1)) for key in ("flows/a", "flows/b"))
    known = dict(store.fetch("flows/", {}))
    committed(replace(store, "flows/b", second, n=2))
    committed(create(store, "flows/c", n=3))
    committed(delete(store, "flows/a", first))
    assert [(key, json.loads(each.body)["n"]) for key, each in store.fetch("flows/", known)] == [
        ("flows/b", 2),
        ("flows/c", 3),
    ]


def test_list_goes_past_a_thousand_keys(case: StoreCase, answering: Store) -> None:
    if case.name in ("s3-deletes-unconditionally", "moto"):
        pytest.skip("once is enough for S3: making so many takes long")
    keys = [f"runs/agency/audience/us/2026{n:08d}-r{n:016d}" for n in range(1_040)]
    with ThreadPoolExecutor(16) as pool:
        list(pool.map(lambda key: answering.create(key, document()[1]), keys))
    assert [key for key, _ in answering.list("runs/agency/audience/us/")] == keys


def test_of_sixteen_creates_one_wins(case: StoreCase) -> None:
    outcomes = race(case, 16, lambda store, n: create(store, HEAD, runner=n))
    winners = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Committed)]
    assert winners == [fields(case.open(), HEAD)["runner"]]
    for outcome in outcomes:
        if isinstance(outcome, Lost):
            assert outcome.current is not None
            assert json.loads(outcome.current.body)["runner"] == winners[0]


def test_of_sixteen_replaces_one_wins(case: StoreCase) -> None:
    version = committed(create(case.open(), HEAD, runner=-1))
    outcomes = race(case, 16, lambda store, n: replace(store, HEAD, version, runner=n))
    winners = [n for n, outcome in enumerate(outcomes) if isinstance(outcome, Committed)]
    assert winners == [fields(case.open(), HEAD)["runner"]]


def test_a_delete_and_a_replace_do_not_both_win(case: StoreCase) -> None:
    for n in range(3):
        key = f"pins/{n}"
        version = committed(create(case.open(), key, n=n))

        def act(store: Store, i: int, key: str = key, version: str = version) -> Outcome:
            return delete(store, key, version) if i < 4 else replace(store, key, version, kept=True)

        outcomes = race(case, 8, act)
        deleted = any(isinstance(outcome, Committed) for outcome in outcomes[:4])
        replaced = sum(isinstance(outcome, Committed) for outcome in outcomes[4:])
        assert replaced == (0 if deleted else 1)
        assert (case.open().read(key) is None) == deleted


def test_no_increment_is_lost_or_counted_twice(case: StoreCase) -> None:
    committed(create(case.open(), HEAD, count=0))
    stores = [case.open() for _ in range(6)]
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda store: count_up(store, HEAD, 4), stores))
    assert fields(case.open(), HEAD)["count"] == 24


def test_no_increment_is_lost_between_processes(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    committed(create(store, HEAD, count=0))
    context = multiprocessing.get_context("spawn")
    processes = [context.Process(target=count_up_in_folder, args=(str(tmp_path), HEAD, 25)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(60)
    assert [process.exitcode for process in processes] == [0, 0, 0, 0]
    assert fields(store, HEAD)["count"] == 100


def test_the_probe_accepts_a_store_that_honours_preconditions_and_leaves_nothing(store: Store) -> None:
    store.probe()
    assert list(store.list("")) == []


def blob(tmp_path: Path, body: bytes) -> Path:
    path = tmp_path / secrets.token_hex(6)
    path.write_bytes(body)
    return path


def test_a_blob_is_read_as_it_was_written_and_is_no_document(case: StoreCase, tmp_path: Path) -> None:
    body, key = secrets.token_bytes(3 * 2**20 + 17), "snapshots/r0000000000000000"
    commit_blob(case.open(), key, blob(tmp_path, body), patience=PATIENT)
    other = case.open()
    assert other.read_blob(key, tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == body
    assert (tmp_path / "back").stat().st_mode & 0o777 == 0o600
    assert list(other.blobs("snapshots/")) == [(key, len(body))]
    assert list(other.blobs("pins/")) == []
    assert list(other.list("")) == []
    assert other.read(key) is None


def test_an_empty_blob_is_one(store: Store, tmp_path: Path) -> None:
    commit_blob(store, "snapshots/r1", blob(tmp_path, b""), patience=PATIENT)
    assert list(store.blobs("")) == [("snapshots/r1", 0)]
    assert store.read_blob("snapshots/r1", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b""


def test_a_blob_is_never_written_over(store: Store, answering: Store, tmp_path: Path) -> None:
    answering.write_blob("snapshots/r1", blob(tmp_path, b"first"))
    with pytest.raises(PreconditionFailed):
        answering.write_blob("snapshots/r1", blob(tmp_path, b"second"))
    assert answering.read_blob("snapshots/r1", tmp_path / "back")
    assert (tmp_path / "back").read_bytes() == b"first"


def test_a_blob_is_deleted_as_often_as_one_likes(store: Store, tmp_path: Path) -> None:
    for key in ("snapshots/r1", "snapshots/r2"):
        commit_blob(store, key, blob(tmp_path, b"body"), patience=PATIENT)
    for _ in range(2):
        store.delete_blob("snapshots/r1")
    assert not store.read_blob("snapshots/r1", tmp_path / "gone")
    assert not (tmp_path / "gone").exists()
    assert [key for key, _ in store.blobs("snapshots/")] == ["snapshots/r2"]
    assert not store.read_blob("never/was", tmp_path / "gone")


def test_a_blob_that_is_not_what_it_was_is_found_out(store: Store, tmp_path: Path) -> None:
    path = blob(tmp_path, b"body")
    commit_blob(store, "snapshots/r1", path, patience=PATIENT)
    fetch_blob(store, "snapshots/r1", tmp_path / "right", sha256_of(path))
    with pytest.raises(StoreError, match="L143"):
        fetch_blob(store, "snapshots/r1", tmp_path / "other", "0" * 64)
    with pytest.raises(StoreError, match="L143"):
        fetch_blob(store, "snapshots/r2", tmp_path / "none", "0" * 64)


def test_a_blob_in_a_folder_is_the_file_itself_where_it_can_be_and_a_copy_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, path = FolderStore(tmp_path / "ledger"), blob(tmp_path, b"body")
    path.chmod(0o644)
    store.write_blob("snapshots/r1", path)
    assert store.read_blob("snapshots/r1", tmp_path / "linked")
    assert path.stat().st_ino == (tmp_path / "linked").stat().st_ino
    assert path.stat().st_mode & 0o777 == 0o600

    def refused(*_: Any, **__: Any) -> None:
        raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))

    monkeypatch.setattr(os, "link", refused)
    store.write_blob("snapshots/r2", path)
    for key in ("snapshots/r1", "snapshots/r2"):
        assert store.read_blob(key, into := tmp_path / key.replace("/", "-"))
        assert (into.read_bytes(), into.stat().st_nlink) == (b"body", 1)
    assert path.stat().st_nlink == 3
    path.unlink()
    assert store.read_blob("snapshots/r1", tmp_path / "still")


@pytest.mark.parametrize(
    "key",
    [
        "",
        "/etc/passwd",
        "../project",
        "flows/../project",
        "a//b",
        "a/",
        ".locks/00",
        "a/.tmp-1",
        "a\0b",
        "a b",
        "ü",
        "a/" + "b" * 201,
    ],
)
def test_a_key_is_never_a_way_out(store: Store, key: str, tmp_path: Path) -> None:
    acts = (
        lambda: store.read(key),
        lambda: store.create(key, b"{}"),
        lambda: store.delete(key, "v"),
        lambda: store.write_blob(key, Path(__file__)),
        lambda: store.read_blob(key, tmp_path / "blob"),
        lambda: store.delete_blob(key),
    )
    for act in acts:
        with pytest.raises(StoreError, match="L140"):
            act()


def test_no_url_holds_a_key(case: StoreCase, store: Store) -> None:
    assert "secret" not in store.url
    assert store.url.startswith(("memory://", "file:///", "s3://"))
