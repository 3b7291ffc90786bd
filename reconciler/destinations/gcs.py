"""The `gcs` type: a folder of a bucket in Google Cloud Storage.

A file waits at a hidden key and gets its name by Objects: move, on the condition that the name is free. That is one step of the store:
what waited is gone when the file is there, nothing is copied, and soft delete keeps nothing of it.

Needed: storage.objects.create, get, list, update, delete (role Storage Object User on the bucket). `access: write-only` needs get,
update and delete below the staging folder alone, and never asks what is elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from google.cloud.storage.retry import DEFAULT_RETRY

from reconciler.accounts.gcp import GcpSession
from reconciler.catalog.gcs import GcsConnection
from reconciler.destinations.gcs_answers import ERRORS, Absent, Denied, Meaning, Unsure, final, meaning
from reconciler.destinations.gcs_sink import GcsSink
from reconciler.destinations.moving import MovingDestination
from reconciler.destinations.objects import SHA256, SUFFIX, TAKEN, Entry, Seen
from reconciler.destinations.opening import Opening
from reconciler.errors import ReconcilerError
from reconciler.values.staged import Content, StagedFile

_CHUNK: Final = 8 << 20
_AT_ONCE: Final = 8
_FIELDS: Final = "items(name,size,updated),nextPageToken"


def open_gcs(connection: GcsConnection, opening: Opening) -> MovingDestination:
    """The connection; touches nothing yet."""
    return MovingDestination(GcsStore(connection, opening.session(GcpSession)), readable=connection.deletes)


class GcsStore:
    """A bucket, for one connection. `retry`: how requests are tried again that may be repeated; `create` and `move` are sent once."""

    def __init__(self, connection: GcsConnection, session: GcpSession, retry: Any = None) -> None:
        self._bucket: Any = session.bucket(connection.bucket)
        self._name = connection.bucket
        self._prefix = f"{path}/" if (path := connection.path.strip("/")) else ""
        self.retry: Any = retry or DEFAULT_RETRY.with_timeout(60)

    @property
    def prefix(self) -> str:
        """The connection's folder."""
        return self._prefix

    def url(self, key: str = "") -> str:
        """`gs://bucket/key`."""
        return f"gs://{self._name}/{key}".rstrip("/")

    def means(self, error: Exception, needs: str) -> Meaning:
        """What a client's error means for a request that needs a permission."""
        return meaning(error, where=self.url(self._prefix), needs=needs)

    def final(self, error: Exception, needs: str) -> ReconcilerError:
        """The error to raise for it."""
        return final(error, where=self.url(self._prefix), needs=needs)

    def blob(self, key: str) -> Any:
        """A `google.cloud.storage.Blob` of its own for each use: it remembers answers."""
        return self._bucket.blob(key)

    def look(self, key: str) -> Seen | None:
        """By a request for its metadata."""
        blob = self.blob(key)
        try:
            blob.reload(retry=self.retry)
        except ERRORS as error:
            if isinstance(self.means(error, "storage.objects.get"), Absent):
                return None
            raise self.final(error, "storage.objects.get") from error
        return Seen(int(blob.size), str(blob.generation), (blob.metadata or {}).get(SHA256, ""))

    def read(self, key: str) -> Iterator[bytes] | None:
        """In ranges of one generation, as it is stored."""
        there = self.look(key)
        return None if there is None else self._ranges(key, there)

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Without the empty objects that stand for folders in the console."""
        try:
            for blob in self._bucket.list_blobs(prefix=prefix, fields=_FIELDS, retry=self.retry):
                if not blob.name.endswith("/"):
                    yield Entry(blob.name, int(blob.size), blob.updated)
        except ERRORS as error:
            raise self.final(error, "storage.objects.list") from error

    def waiting(self, prefix: str) -> Iterator[Entry]:
        """Hidden objects, empty ones too: their uploads aren't finished."""
        return (entry for entry in self.entries(prefix) if entry.key.endswith(SUFFIX))

    def remove(self, keys: Iterable[str]) -> None:
        """Eight at once."""
        with ThreadPoolExecutor(_AT_ONCE, "delete") as pool:
            for _ in pool.map(self.drop, keys):
                pass

    def create(self, key: str, body: bytes) -> bool | None:
        """One conditional upload."""
        try:
            self.blob(key).upload_from_string(body, if_generation_match=0, checksum="crc32c", retry=None)
        except ERRORS as error:
            match self.means(error, "storage.objects.create"):
                case Denied():
                    return False
                case Unsure():
                    return None
                case _:
                    raise self.final(error, "storage.objects.create") from error
        return True

    def ask(self, key: str) -> None:
        """An upload that is begun and nothing more, which is nothing to anybody and gone after a week."""
        try:
            self.blob(key).create_resumable_upload_session(if_generation_match=0)
        except ERRORS as error:
            raise self.final(error, "storage.objects.create") from error

    def stage(self, key: str, name: str, replaces: tuple[Content, ...] | None) -> GcsSink:
        """A resumable upload."""
        return GcsSink(self, key, name, replaces)

    def waits(self, key: str, file: StagedFile) -> bool:
        """The very upload, by its generation."""
        there = self.look(key)
        return there is not None and there.tag == file.staged

    def move(self, source: str, file: StagedFile, target: str, over: Seen | None) -> str | None:
        """Objects: move, of this upload over what was seen."""
        try:
            self._bucket.move_blob(
                self.blob(source),
                target,
                if_generation_match=0 if over is None else int(over.tag),
                if_source_generation_match=int(file.staged),
                retry=None,
            )
        except ERRORS as error:
            match self.means(error, "storage.objects.get with storage.objects.delete, or storage.objects.move"):
                case Denied():
                    return TAKEN
                case Absent():
                    return "another runner is at it"
                case Unsure(why):
                    return why
                case refusal:
                    raise refusal from error
        return None

    def drop(self, key: str) -> None:
        """Deletes an object, if there is one."""
        try:
            self.blob(key).delete(retry=self.retry)
        except ERRORS as error:
            if not isinstance(self.means(error, "storage.objects.delete"), Absent):
                raise self.final(error, "storage.objects.delete") from error

    def tidy(self, prefix: str) -> None:
        """There are no folders that could be left."""

    def settle(self, source: str, file: StagedFile, target: str) -> None:
        """Moving left nothing; what has its name by another way, such as the same content of another run, may have."""
        if self.waits(source, file):
            self.drop(source)

    def _ranges(self, key: str, there: Seen) -> Iterator[bytes]:
        blob = self.blob(key)
        try:
            for at in range(0, there.size, _CHUNK):
                end = min(at + _CHUNK, there.size) - 1
                yield blob.download_as_bytes(
                    start=at,
                    end=end,
                    raw_download=True,
                    if_generation_match=int(there.tag),
                    checksum=None,
                    retry=self.retry,
                )
        except ERRORS as error:
            raise self.final(error, "storage.objects.get") from error
