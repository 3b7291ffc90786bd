"""Files encrypted while they are staged: gpg reads them; the process that encrypts may die, and so may what takes its bytes."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import time
from pathlib import Path

import pysequoia
import pytest

from reconciler.destinations.local import LocalDestination
from reconciler.destinations.local_sink import LocalSink
from reconciler.encryption.sink import PgpSink
from reconciler.errors import DestinationError
from tests.conformance.destinations import RUN, content
from tests.servers.gnupg import Gpg

NAME = f"part-{RUN}.csv.pgp"


@pytest.fixture
def place(tmp_path: Path) -> LocalDestination:
    root = tmp_path / "out"
    root.mkdir()
    return LocalDestination(root)


def told(*recipients: bytes, sign: str | None = None, passphrase: str | None = None) -> bytes:
    return json.dumps(
        {"recipients": [each.hex() for each in recipients], "sign": sign, "passphrase": passphrase}
    ).encode()


def key(gpg: Gpg, fingerprint: str) -> bytes:
    return gpg.public(fingerprint, armor=False)


def test_every_recipient_reads_it_and_sees_who_signed(gpg: Gpg, place: LocalDestination, tmp_path: Path) -> None:
    one, two = gpg.make("first"), gpg.make("second", "rsa2048", "encr,sign,cert")
    signer = gpg.make("sender", passphrase="open sesame")
    data = content(5 << 20)
    keys = told(key(gpg, one), key(gpg, two), sign=gpg.private(signer, "open sesame"), passphrase="open sesame")
    sink = PgpSink(place.stage(RUN, NAME), keys)
    view = memoryview(data)
    assert sum(sink.write(view[at : at + 700_001]) for at in range(0, len(data), 700_001)) == len(data)
    token = sink.finish(7)
    place.publish(token)
    written = (tmp_path / "out" / NAME).read_bytes()
    assert (token.rows, token.size, token.sha256) == (7, len(written), hashlib.sha256(written).hexdigest())
    assert data[:1000] not in written
    opened = gpg.open(written)
    assert (opened.content == data, opened.signed_by, len(opened.readers)) == (True, signer, 2)


def test_an_empty_file(gpg: Gpg, place: LocalDestination, tmp_path: Path) -> None:
    place.publish(PgpSink(place.stage(RUN, NAME), told(key(gpg, gpg.make("empty")))).finish(0))
    assert gpg.open((tmp_path / "out" / NAME).read_bytes()).content == b""


def test_sequoia_reads_it(place: LocalDestination, tmp_path: Path) -> None:
    mine = pysequoia.Tsk.generate("a <a@example.org>")
    sink = PgpSink(place.stage(RUN, NAME), told(bytes(mine.extract_certificate())))
    sink.write(b"hello")
    place.publish(sink.finish(1))
    found = pysequoia.decrypt((tmp_path / "out" / NAME).read_bytes(), decryptor=mine.decryptor())
    assert found.bytes == b"hello"


def test_bytes_flow_through_and_aren_t_gathered(gpg: Gpg, place: LocalDestination) -> None:
    """Far more than pipes hold is in the staged file before the last byte was written."""
    inner = place.stage(RUN, NAME)
    sink = PgpSink(inner, told(key(gpg, gpg.make("flowing"))))
    for _ in range(20):
        sink.write(bytes(1 << 20))
    assert inner._size > 10 << 20
    sink.abort()


@pytest.mark.parametrize("call", ["write", "finish"])
def test_a_process_that_dies_is_told_and_nothing_is_left(
    gpg: Gpg, place: LocalDestination, tmp_path: Path, call: str
) -> None:
    sink = PgpSink(place.stage(RUN, NAME), told(key(gpg, gpg.make(f"dying-{call}"))))
    sink.write(b"x" * 1000)
    os.kill(sink._process.pid, signal.SIGKILL)
    sink._process.wait()
    with pytest.raises(DestinationError) as caught:
        if call == "write":
            for _ in range(50):
                sink.write(bytes(1 << 20))
        sink.finish(1)
    assert (caught.value.code, caught.value.permanent) == ("D161", False)
    sink.abort()
    assert list((tmp_path / "out").iterdir()) == []


def test_keys_that_the_process_cant_use(place: LocalDestination, tmp_path: Path) -> None:
    sink = PgpSink(place.stage(RUN, NAME), told(b"garbage"))
    with pytest.raises(DestinationError) as caught:
        sink.finish(1)
    assert caught.value.code == "D161"
    sink.abort()
    assert list((tmp_path / "out").iterdir()) == []


def test_what_the_destination_meets_is_what_is_told(
    gpg: Gpg, place: LocalDestination, monkeypatch: pytest.MonkeyPatch
) -> None:
    sink = PgpSink(place.stage(RUN, NAME), told(key(gpg, gpg.make("full"))))

    def full(*_: object) -> int:
        raise DestinationError("D106", "destination is full", "no room", permanent=False)

    monkeypatch.setattr(LocalSink, "write", full)
    with pytest.raises(DestinationError) as caught:
        for _ in range(50):
            sink.write(bytes(1 << 20))
        sink.finish(1)
    assert caught.value.code == "D106"
    sink.abort()


def test_neither_arguments_nor_environment_hold_keys(gpg: Gpg, place: LocalDestination) -> None:
    signer = gpg.make("hidden", passphrase="open sesame")
    private = gpg.private(signer, "open sesame")
    keys = told(key(gpg, signer), sign=private, passphrase="open sesame")
    sink = PgpSink(place.stage(RUN, NAME), keys)
    place_of = Path(f"/proc/{sink._process.pid}")
    while b"reconciler.encryption.child" not in (place_of / "cmdline").read_bytes():
        assert sink._process.poll() is None
        time.sleep(0.01)
    seen = (place_of / "cmdline").read_bytes() + (place_of / "environ").read_bytes()
    sink.abort()
    assert b"open sesame" not in seen
    assert private.splitlines()[3].encode() not in seen
