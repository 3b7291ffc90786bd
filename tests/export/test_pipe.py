"""Between engine and sink: compression, encoding, the thread ahead, and errors that stay what they were."""

from __future__ import annotations

import gzip
import hashlib
import secrets
import subprocess
import threading
import time
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from reconciler.errors import DestinationError
from reconciler.export.packing import BLOCK, packer
from reconciler.export.pipe import Pipe
from reconciler.values.staged import StagedFile


@dataclass
class Memory:
    """A sink in memory that may fail at a write, or be slow."""

    fail_at: int = -1
    slow: float = 0
    pieces: list[bytes] = field(default_factory=list)

    def write(self, data: bytes | bytearray | memoryview, /) -> int:
        if len(self.pieces) == self.fail_at:
            raise DestinationError("D106", "no room")
        time.sleep(self.slow)
        self.pieces.append(bytes(data))
        return len(data)

    def finish(self, rows: int) -> StagedFile:
        raise AssertionError

    def abort(self) -> None:
        raise AssertionError


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"])), max_size=5), st.integers(1, 7), st.booleans())
def test_characters_cut_in_two(texts: list[str], step: int, ahead: bool) -> None:
    sink = Memory()
    pipe = Pipe(sink, None, "utf-16-le", ahead=ahead)
    data = "".join(texts).encode()
    for start in range(0, len(data), step):
        pipe.write(data[start : start + step])
    pipe.end()
    assert b"".join(sink.pieces).decode("utf-16-le") == "".join(texts)
    assert pipe.written == sum(map(len, sink.pieces))


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("kind", ["none", "gzip", "zstd"])
def test_compression(kind: str, ahead: bool) -> None:
    sink = Memory()
    pipe = Pipe(sink, packer(kind), ahead=ahead)
    for number in range(1000):
        pipe.write(b"line %d\n" % number)
    pipe.end()
    undo: dict[str, Callable[[bytes], bytes]] = {
        "none": bytes,
        "gzip": gzip.decompress,
        "zstd": zstandard.ZstdDecompressor().decompressobj().decompress,
    }
    assert undo[kind](b"".join(sink.pieces)) == b"".join(b"line %d\n" % number for number in range(1000))


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("kind", ["none", "gzip"])
def test_an_empty_file(kind: str, ahead: bool) -> None:
    sink = Memory()
    pipe = Pipe(sink, packer(kind), ahead=ahead)
    pipe.end()
    assert b"".join(sink.pieces) == b"" if kind == "none" else gzip.decompress(b"".join(sink.pieces)) == b""


@pytest.mark.parametrize("level", [1, 6])
def test_gzip_is_the_same_whatever_pieces_come_and_wherever_its_blocks_are_made(level: int) -> None:
    text = b"".join(
        b"%d,%b\n" % (number, hashlib.sha256(b"%d" % number).hexdigest().encode()) for number in range(60_000)
    )
    assert len(text) > 3 * BLOCK
    made = []
    with ThreadPoolExecutor(3) as pool:
        for step, ahead in ((len(text), 0), (100_000, 4), (3 * BLOCK + 1, 1)):
            sink = Memory()
            pipe = Pipe(sink, packer("gzip", level, pool, ahead), ahead=True)
            for start in range(0, len(text), step):
                pipe.write(text[start : start + step])
            pipe.end()
            made.append(b"".join(sink.pieces))
    assert made[0] == made[1] == made[2]
    assert gzip.decompress(made[0]) == text
    assert len(made[0]) < 1.001 * len(zlib.compress(text, level, 31)) or level < 4
    process = subprocess.run(["gzip", "-dc"], input=made[0], capture_output=True, check=True)
    assert process.stdout == text


def test_what_is_written_once_it_is_settled_is_the_same_with_and_without_a_pool() -> None:
    text = secrets.token_bytes(5 * BLOCK + 7)
    found = []
    with ThreadPoolExecutor(2) as pool:
        for ahead in (0, 4):
            pipe = Pipe(Memory(), packer("gzip", 1, pool, ahead), ahead=True)
            pipe.write(text[: 3 * BLOCK])
            early = pipe.settled()
            pipe.write(text[3 * BLOCK :])
            found.append((early, pipe.settled()))
            pipe.end()
    assert found[0] == found[1]
    assert found[0][0] > 3 * BLOCK


@pytest.mark.parametrize("ahead", [False, True])
@pytest.mark.parametrize("fail_at", [0, 3])
def test_the_first_error_comes_out(fail_at: int, ahead: bool) -> None:
    pipe = Pipe(Memory(fail_at), ahead=ahead)
    with pytest.raises(DestinationError, match="D106"):
        _write_all(pipe)
    assert isinstance(pipe.failure, DestinationError)
    pipe.refuse()
    with pytest.raises(ValueError, match="closed"):
        pipe.write(b"late")


def _write_all(pipe: Pipe) -> None:
    for _ in range(50):
        pipe.write(b"x")
    pipe.end()


def test_giving_up_stops_the_thread_and_writes_no_more() -> None:
    before = threading.active_count()
    sink = Memory(slow=0.01)
    pipe = Pipe(sink, ahead=True)
    for _ in range(5):
        pipe.write(b"x")
    pipe.refuse()
    written = len(sink.pieces)
    assert written <= 5
    assert threading.active_count() == before
    pipe.refuse()
    assert len(sink.pieces) == written


@pytest.mark.parametrize(("kind", "levels"), [("gzip", range(1, 10)), ("zstd", range(1, 20, 6))])
def test_every_level_reads_the_same_and_makes_a_difference(kind: str, levels: range) -> None:
    words = [hashlib.sha256(b"%d" % at).hexdigest().encode() for at in range(5_000)]
    text = b"".join(b'{"id":"%b","same":"%b"}\n' % (word, words[at * at % 997]) for at, word in enumerate(words))
    sizes = []
    for level in levels:
        made = packer(kind, level)
        assert made is not None
        packed = made.add(text) + made.end()
        unpacked = (
            gzip.decompress(packed)
            if kind == "gzip"
            else zstandard.ZstdDecompressor().decompressobj().decompress(packed)
        )
        assert unpacked == text
        sizes.append(len(packed))
    assert len(set(sizes)) > 2, "a level that changes nothing is none"
