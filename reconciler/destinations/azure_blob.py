"""The `azure-blob` type: a folder of a container in Azure Blob Storage.

A file waits as uncommitted blocks, which nobody can read, below the staging folder. Publishing commits them there and has the service copy
the blob to its name, if that is still free. Why not uncommitted blocks at the name itself: they can't be given up without showing an
empty blob under it.

Needed: read, create, write, delete and list on the container (role Storage Blob Data Contributor). Azure forgets uncommitted blocks after
7 days, the time that staged files count on.
"""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any, Final

from azure.core import MatchConditions
from azure.core.exceptions import AzureError
from azure.storage.blob import BlobBlock, BlobClient, BlobProperties, BlockState, ContainerClient

from reconciler.accounts.azure import AzureSession
from reconciler.catalog.azure_blob import AzureBlobConnection
from reconciler.destinations.azure_answers import Absent, Denied, Meaning, NoBlocks, Unsure, final, meaning
from reconciler.destinations.azure_blob_copy import USUAL, Copying, copy, tidy
from reconciler.destinations.azure_blob_sink import BlobSink, block_ids
from reconciler.destinations.moving import MovingDestination
from reconciler.destinations.objects import SHA256, SUFFIX, Entry, Seen
from reconciler.destinations.opening import Opening
from reconciler.errors import ReconcilerError
from reconciler.values.staged import Content, Part, StagedFile

_CHUNK: Final = 1 << 20
_BATCH: Final = 256
_FOLDER: Final = "hdi_isfolder"


def open_azure_blob(connection: AzureBlobConnection, opening: Opening) -> MovingDestination:
    """The connection; touches nothing yet."""
    return MovingDestination(BlobStore(connection, opening.session(AzureSession)))


class BlobStore:
    """A container, for one connection. `client` tries again by itself; `once` never sends anything twice."""

    def __init__(self, connection: AzureBlobConnection, session: AzureSession, copying: Copying = USUAL) -> None:
        self._container = connection.container
        self._prefix = f"{path}/" if (path := connection.path.strip("/")) else ""
        self._session = session
        self._copying = copying
        self.client: ContainerClient = session.container(connection.container, attempts=5)
        self.once: ContainerClient = session.container(connection.container, attempts=1)

    @property
    def prefix(self) -> str:
        """The connection's folder."""
        return self._prefix

    def url(self, key: str = "") -> str:
        """For people."""
        return f"azure-blob://{self._container}/{key}".rstrip("/")

    def means(self, error: Exception, needs: str) -> Meaning:
        """What a client's error means for a request that needs a permission."""
        return meaning(error, where=self.url(self._prefix), needs=needs)

    def final(self, error: Exception, needs: str) -> ReconcilerError:
        """The error to raise for it."""
        return final(error, where=self.url(self._prefix), needs=needs)

    def blob(self, key: str, *, once: bool = False) -> BlobClient:
        """A client of one blob."""
        return (self.once if once else self.client).get_blob_client(key)

    def readable(self, key: str) -> tuple[str, str | None]:
        """See `AzureSession.readable`. Raises AccountError."""
        try:
            return self._session.readable(self._container, key)
        except AzureError as error:
            raise self.final(error, "r (read)") from error

    def look(self, key: str) -> Seen | None:
        """By a request for its properties."""
        try:
            found = self.blob(key).get_blob_properties()
        except AzureError as error:
            if isinstance(self.means(error, "r (read)"), Absent):
                return None
            raise self.final(error, "r (read)") from error
        return Seen(found.size, found.etag, (found.metadata or {}).get(SHA256, ""))

    def read(self, key: str) -> Iterator[bytes] | None:
        """In chunks as the client gives them."""
        try:
            stream = self.blob(key).download_blob(max_concurrency=1)
        except AzureError as error:
            if isinstance(self.means(error, "r (read)"), Absent):
                return None
            raise self.final(error, "r (read)") from error
        return self._chunks(stream.chunks())

    def entries(self, prefix: str) -> Iterator[Entry]:
        """Without the folders of an account with a hierarchical namespace, which are listed like blobs."""
        for item in self._listed(prefix, ["metadata"]):
            if (item.metadata or {}).get(_FOLDER) != "true":
                yield Entry(item.name, item.size, item.last_modified)

    def waiting(self, prefix: str) -> Iterator[Entry]:
        """Blobs that have blocks only, and committed ones: their run was decided."""
        for item in self._listed(prefix, ["metadata", "uncommittedblobs"]):
            if (item.metadata or {}).get(_FOLDER) != "true" and item.name.endswith(SUFFIX):
                yield Entry(item.name, item.size, item.last_modified)

    def remove(self, keys: Iterable[str]) -> None:
        """In batches of 256, with their snapshots."""
        rest = iter(keys)
        while batch := list(islice(rest, _BATCH)):
            try:
                answers = list(self.client.delete_blobs(*batch, delete_snapshots="include", raise_on_any_failure=False))
            except AzureError as error:
                raise self.final(error, "d (delete)") from error
            for answer in answers:
                if answer.status_code not in (202, 404):
                    self._delete(batch[answers.index(answer)])

    def create(self, key: str, body: bytes) -> bool | None:
        """One conditional Put Blob."""
        try:
            self.blob(key, once=True).upload_blob(body, overwrite=False)
        except AzureError as error:
            match self.means(error, "c (create)"):
                case Denied():
                    return False
                case Unsure():
                    return None
                case _:
                    raise self.final(error, "c (create)") from error
        return True

    def ask(self, key: str) -> None:
        """A commit of a block that isn't there."""
        block = Part(number=1, etag=base64.b64encode(b"none").decode(), checksum="")
        self._commit(key, StagedFile(name=key, staged="", rows=0, size=0, sha256="", parts=(block,)))

    def stage(self, key: str, name: str, replaces: tuple[Content, ...] | None) -> BlobSink:
        """Uncommitted blocks."""
        return BlobSink(self, key, name, replaces)

    def waits(self, key: str, file: StagedFile) -> bool:
        """Committed already, or all of its blocks are there. Looked at twice: another runner may commit them in between."""
        if self.look(key) is not None:
            return True
        if not file.parts:
            return False
        return block_ids(file) <= self.blocks(key).keys() or self.look(key) is not None

    def blocks(self, key: str) -> dict[str, int]:
        """Sizes of uncommitted blocks, by id."""
        try:
            _, found = self.blob(key).get_block_list("uncommitted")
        except AzureError as error:
            if isinstance(self.means(error, "r (read)"), Absent):
                return {}
            raise self.final(error, "r (read)") from error
        return {block.id: block.size for block in found}

    def move(self, source: str, file: StagedFile, target: str, over: Seen | None) -> str | None:
        """Commits what waits, and copies it. Once nothing waits any more, there is nothing to copy."""
        if file.parts and (why := self._commit(source, file)) is not None:
            return why
        return copy(self, source, target, file, over, self._copying)

    def drop(self, key: str) -> None:
        """Commits no blocks, which gives up all of them, and deletes that."""
        try:
            self.blob(key).commit_block_list([])
        except AzureError as error:
            raise self.final(error, "w (write)") from error
        self._delete(key)

    def tidy(self, prefix: str) -> None:
        """There are no folders that could be left."""

    def settle(self, source: str, file: StagedFile, target: str) -> None:
        """Deletes what waited; then nobody can stage it at its name again."""
        self._delete(source)
        if file.size > self._copying.at_once:
            tidy(self, target, file)

    def condition(self, over: Seen | None) -> dict[str, Any]:
        """That a key still holds what was seen."""
        if over is None:
            return {"match_condition": MatchConditions.IfMissing}
        return {"match_condition": MatchConditions.IfNotModified, "etag": over.tag}

    def _commit(self, key: str, file: StagedFile) -> str | None:
        blocks = [BlobBlock(part.etag, state=BlockState.UNCOMMITTED) for part in file.parts]
        try:
            self.blob(key, once=True).commit_block_list(
                blocks, metadata={SHA256: file.sha256}, match_condition=MatchConditions.IfMissing
            )
        except AzureError as error:
            match self.means(error, "w (write)"):
                case Denied():
                    return None  # committed already
                case Unsure(why):
                    return why
                case NoBlocks():
                    return "it doesn't wait any more"
                case _:
                    raise self.final(error, "w (write)") from error
        return None

    def _delete(self, key: str) -> None:
        try:
            self.blob(key).delete_blob(delete_snapshots="include")
        except AzureError as error:
            if not isinstance(self.means(error, "d (delete)"), Absent):
                raise self.final(error, "d (delete)") from error

    def _listed(self, prefix: str, include: list[str]) -> Iterator[BlobProperties]:
        try:
            yield from self.client.list_blobs(name_starts_with=prefix, include=include)
        except AzureError as error:
            raise self.final(error, "l (list)") from error

    def _chunks(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        try:
            for chunk in chunks:
                for at in range(0, len(chunk), _CHUNK):
                    yield chunk[at : at + _CHUNK]
        except AzureError as error:
            raise self.final(error, "r (read)") from error
