"""Text files as streams: opened, decompressed, and bounded, wherever they are."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any, BinaryIO, Protocol

from reconciler.datasets.base import Access
from reconciler.datasets.names import compression
from reconciler.datasets.problems import named, problem
from reconciler.values.pin import PinnedFile

LONGEST_LINE = 16 * 2**20
"""Bytes of the longest line (CSV: record) that is read."""
S3_SCHEME = "s3://"
_FETCH = 4 * 2**20
"""Bytes that are asked of S3 at once."""
_SUSPICIOUS = 2**30
_RATIO = 250


class Source(Protocol):
    """What is read from: `read(size)` gives up to `size` bytes, none at the end."""

    def read(self, size: int = -1, /) -> bytes: ...


class Text:
    """A data file's text. Reading raises `SourceError` F105 (torn) and F111 (expands too far)."""

    def __init__(self, path: str, raw: Counted, plain: Source) -> None:
        self._path = path
        self._raw = raw
        self._plain = plain
        self._given = 0
        self.closed = False

    @property
    def consumed(self) -> int:
        """Bytes of the file itself that were read so far."""
        return self._raw.count

    def read(self, size: int = -1, /) -> bytes:
        """Up to `size` bytes of text."""
        try:
            data = self._plain.read(size)
        except Exception as error:
            # Every decompressor has an error class of its own.
            if self._raw.failed:
                raise problem("F104", f"{named(self._path)} can't be read any further: {self._raw.failed}.") from error
            raise problem("F105", f"{named(self._path)} can't be decompressed to its end.") from error
        self._given += len(data)
        if self._given > _SUSPICIOUS and self._given > _RATIO * self._raw.count:
            raise problem(
                "F111", f"{named(self._path)} has {self._raw.count:,} bytes read so far for {self._given:,} of text."
            )
        return data

    def readable(self) -> bool:
        """Arrow asks."""
        return True

    def close(self) -> None:
        """The file is closed by `open_text`."""


class Counted(io.RawIOBase):
    """A stream that counts what was read, and remembers what failed below decompression."""

    def __init__(self, raw: Source) -> None:
        self._raw = raw
        self.count = 0
        self.failed = ""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any, /) -> int:
        try:
            data = self._raw.read(len(buffer))
        except OSError as error:
            self.failed = _why(error)
            raise
        buffer[: len(data)] = data
        self.count += len(data)
        return len(data)


@contextmanager
def open_text(access: Access, file: PinnedFile) -> Iterator[Text]:
    """A file's text, decompressed by its name. Raises `SourceError` F104, F105."""
    try:
        raw = _open(access, file)
    except FileNotFoundError as error:
        raise problem("F116", f"{named(file.path)} is gone.") from error
    except OSError as error:
        raise problem("F104", f"{named(file.path)} can't be opened: {_why(error)}.") from error
    with closing(raw):
        counted = Counted(raw)
        yield Text(file.path, counted, _decompressed(counted, compression(file.path or access.root)))


def _why(error: OSError) -> str:
    """What the system says, or of what Arrow's client says the part that holds nothing but its own words."""
    if "ACCESS_DENIED" in str(error):
        return "s3:GetObject is not allowed"
    return error.strerror or "the store refused, or can't be reached"


def _open(access: Access, file: PinnedFile) -> BinaryIO:
    where = access.uri(file.path)
    if not where.startswith(S3_SCHEME):
        return open(where, "rb")
    from reconciler.datasets.s3_input import S3Input

    return io.BufferedReader(S3Input(access, where), _FETCH)


def _decompressed(raw: Counted, kind: str) -> Source:
    match kind:
        case "gzip":
            from isal import igzip

            return igzip.IGzipFile(fileobj=io.BufferedReader(raw, 2**18), mode="rb")  # type: ignore[no-untyped-call]
        case "zstd":
            import pyarrow as pa

            return pa.CompressedInputStream(pa.PythonFile(raw, mode="r"), "zstd")  # type: ignore[no-any-return]
        case _:
            return raw
