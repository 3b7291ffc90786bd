"""Reading objects in S3 with Arrow's client, for longer than credentials live."""

from __future__ import annotations

import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from reconciler.datasets.base import Access

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.fs as pafs

_SCHEME = "s3://"


def s3_filesystem(access: Access) -> pafs.S3FileSystem:
    """Arrow's client with the credentials of now; the same one, with its connections, until they change."""
    return _client(tuple(sorted(access.s3.items())))


def object_store(access: Access) -> dict[str, str] | None:
    """The settings in the words of Rust's object stores (Polars, Delta Lake), with the credentials of now: good for minutes."""
    settings = access.s3
    if not settings:
        return None
    options = {f"aws_{name}": value for name, value in settings.items()}
    if settings.get("endpoint_url", "").startswith("http://"):
        options["aws_allow_http"] = "true"
    return options


class S3Input(io.RawIOBase):
    """An object, read anywhere. Arrow's files keep their credentials; so it is opened again when these change."""

    def __init__(self, access: Access, uri: str) -> None:
        self._access = access
        self._path = uri.removeprefix(_SCHEME)
        self._client = s3_filesystem(access)
        self._file: pa.NativeFile = self._client.open_input_file(self._path)
        self._size: int = self._file.size()
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: Any, /) -> int:
        client = s3_filesystem(self._access)
        if client is not self._client:
            self._file.close()
            self._client, self._file = client, client.open_input_file(self._path)
        if self._at >= self._size:
            return 0
        data = self._file.read_at(min(len(buffer), self._size - self._at), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


@lru_cache(maxsize=8)
def _client(settings: tuple[tuple[str, str], ...]) -> pafs.S3FileSystem:
    """The endpoint's scheme is kept."""
    import pyarrow.fs as pafs

    keys = dict(settings)
    scheme, _, host = keys.get("endpoint_url", "").rpartition("://")
    return pafs.S3FileSystem(
        access_key=keys.get("access_key_id"),
        secret_key=keys.get("secret_access_key"),
        session_token=keys.get("session_token"),
        region=keys.get("region"),
        endpoint_override=host.rstrip("/") or None,
        scheme=scheme or None,
        connect_timeout=10,
        request_timeout=60,
        retry_strategy=pafs.AwsStandardS3RetryStrategy(max_attempts=5),
    )
