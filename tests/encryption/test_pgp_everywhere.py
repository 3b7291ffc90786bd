"""Encrypted files at each built-in type of destination: the token is of what is there, and gpg reads it."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest

from reconciler.destinations.base import Published
from reconciler.encryption.sink import PgpSink
from tests.conformance.destinations import LINEAGE, OTHER, RUN, Bench, content, fixed
from tests.conformance.test_destinations_local import LocalBench
from tests.conformance.test_destinations_s3 import S3Bench
from tests.conformance.test_destinations_sftp import SftpBench, session_for
from tests.servers.gnupg import Gpg


@pytest.fixture(params=["local", "s3", "sftp"])
def bench(request: pytest.FixtureRequest, tmp_path: Path) -> Bench:
    if request.param == "s3":
        return S3Bench(request.getfixturevalue("seaweed_server"))
    if request.param == "sftp":
        server = request.getfixturevalue("openssh_server")
        return SftpBench(server, [session_for(server)])
    return LocalBench(tmp_path / "place")


def test_what_is_there_is_encrypted_and_told_rightly(bench: Bench, gpg: Gpg) -> None:
    place = bench.open()
    place.claim_owner(LINEAGE)
    key = gpg.public(gpg.make("anywhere"), armor=False)
    told = json.dumps({"recipients": [key.hex()], "sign": None, "passphrase": None}).encode()
    plain = content(bench.big)
    sink = PgpSink(place.stage(RUN, f"us/part-{RUN}.csv.pgp"), told)
    sink.write(plain)
    token = sink.finish(5)
    assert bench.visible() == {}
    assert place.publish(token) is Published.DONE
    there = bench.visible()[token.name]
    assert (token.size, token.sha256) == (len(there), hashlib.sha256(there).hexdigest())
    assert gpg.open(there).content == plain
    given_up = PgpSink(place.stage(OTHER, f"us/part-{OTHER}.csv.pgp"), told)
    given_up.write(plain[:100_000])
    given_up.abort()
    assert list(place.staged()) == []
    assert bench.leftovers() == []


def test_an_encrypted_file_gives_way_to_the_next(bench: Bench, gpg: Gpg) -> None:
    place = bench.open()
    place.claim_owner(LINEAGE)
    key = gpg.public(gpg.make("weekly"), armor=False)
    told = json.dumps({"recipients": [key.hex()], "sign": None, "passphrase": None}).encode()
    before: tuple[bytes, ...] = ()
    for run in (RUN, OTHER):
        sink = PgpSink(place.stage(run, "us/newest.csv.pgp", tuple(fixed(each) for each in before)), told)
        sink.write(run.encode())
        place.publish(sink.finish(1))
        (there,) = bench.visible().values()
        assert gpg.open(there).content == run.encode()
        before = (there,)
