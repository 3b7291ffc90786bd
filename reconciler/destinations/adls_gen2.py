"""The `adls-gen2` type: a folder of a container in Azure Data Lake Storage Gen2, whose folders are real.

A file waits in the staging folder and gets its name by one rename, on the condition that the name is free. Folders that this leaves
empty are removed, up to the path itself.

Needed: read, create, write, delete, list and move on the container (role Storage Blob Data Contributor). `access: write-only` needs read,
delete and list below the staging folder alone, and never asks what is elsewhere.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Final
from urllib.parse import quote

from azure.core import MatchConditions
from azure.core.exceptions import AzureError
from azure.storage.filedatalake import DataLakeFileClient, FileSystemClient

from reconciler.accounts.azure import AzureSession
from reconciler.catalog.adls_gen2 import AdlsGen2Connection
from reconciler.destinations.adls_sink import AdlsSink
from reconciler.destinations.azure_answers import Absent, Denied, Meaning, Unsure, final, meaning
from reconciler.destinations.moving import MovingDestination
from reconciler.destinations.objects import SHA256, STAGING, SUFFIX, TAKEN, Entry, Seen
from reconciler.destinations.opening import Opening
from reconciler.errors import ReconcilerError
from reconciler.values.staged import Content, StagedFile

_CHUNK: Final = 1 << 20
_NEVER: Final = '"0x0"'
"""An ETag that nothing has."""
_FOLDER: Final = "hdi_isfolder"
_AT_ONCE: Final = 8


def open_adls_gen2(connection: AdlsGen2Connection, opening: Opening) -> MovingDestination:
    """The connection; touches nothing yet."""
    return MovingDestination(AdlsStore(connection, opening.session(AzureSession)), readable=connection.deletes)


class AdlsStore:
    """A container, for one connection. `client` tries again by itself; `once` never sends anything twice."""

    def __init__(self, connection: AdlsGen2Connection, session: AzureSession) -> None:
        self._container = connection.container
        self._prefix = f"{path}/" if (path := connection.path.strip("/")) else ""
        self.client: FileSystemClient = session.file_system(connection.container, attempts=5)
        self.once: FileSystemClient = session.file_system(connection.container, attempts=1)

    @property
    def prefix(self) -> str:
        """The connection's folder."""
        return self._prefix

    def url(self, key: str = "") -> str:
        """`abfss://container/key`."""
        return f"abfss://{self._container}/{key}".rstrip("/")

    def means(self, error: Exception, needs: str) -> Meaning:
        """What a client's error means for a request that needs a permission."""
        return meaning(error, where=self.url(self._prefix), needs=needs)

    def final(self, error: Exception, needs: str) -> ReconcilerError:
        """The error to raise for it."""
        return final(error, where=self.url(self._prefix), needs=needs)

    def file(self, key: str) -> DataLakeFileClient:
        """A file's client."""
        return self.client.get_file_client(key)

    def look(self, key: str) -> Seen | None:
        """By a request for its properties."""
        try:
            found = self.file(key).get_file_properties()
        except AzureError as error:
            if isinstance(self.means(error, "r (read)"), Absent):
                return None
            raise self.final(error, "r (read)") from error
        kept = found.metadata or {}
        return Seen(-1 if kept.get(_FOLDER) == "true" else found.size, found.etag, kept.get(SHA256, ""))

    def read(self, key: str) -> Iterator[bytes] | None:
        """In chunks of 1 MiB."""
        try:
            stream = self.file(key).download_file(max_concurrency=1)
        except AzureError as error:
            if isinstance(self.means(error, "r (read)"), Absent):
                return None
            raise self.final(error, "r (read)") from error
        return self._chunks(stream.chunks())

    def entries(self, prefix: str) -> Iterator[Entry]:
        """From the folder that the prefix is in."""
        folder = prefix.rpartition("/")[0]
        try:
            for item in self.client.get_paths(folder or None, recursive=True):
                if not item.is_directory and item.name.startswith(prefix):
                    yield Entry(item.name, item.content_length or 0, item.last_modified)
        except AzureError as error:
            if not isinstance(self.means(error, "l (list)"), Absent):
                raise self.final(error, "l (list)") from error

    def waiting(self, prefix: str) -> Iterator[Entry]:
        """Files of the staging folder."""
        return (entry for entry in self.entries(prefix) if entry.key.endswith(SUFFIX))

    def remove(self, keys: Iterable[str]) -> None:
        """Eight at once, then the folders that this leaves empty."""
        folders: set[str] = set()
        with ThreadPoolExecutor(_AT_ONCE, "delete") as pool:
            for key in pool.map(self._delete, keys):
                folders.add(key.rpartition("/")[0])
        for folder in sorted(folders, reverse=True):
            self._prune(f"{folder}/")

    def create(self, key: str, body: bytes) -> bool | None:
        """Written aside, and renamed on a condition: a file is there before its content is."""
        aside = f"{self._prefix}{STAGING}probe-{secrets.token_hex(8)}/marker{SUFFIX}"  # left behind, a later probe sweeps it
        sink = AdlsSink(self, aside, key.removeprefix(self._prefix), None)
        sink.write(body)
        answer = self._rename(aside, sink.finish(0), key, None)
        if isinstance(answer, Unsure):
            return None
        if answer is None:
            self._prune(aside)
            return True
        with suppress(ReconcilerError):
            self.drop(aside)
        return False

    def ask(self, key: str) -> None:
        """A file that would have to be there already."""
        try:
            self.file(key).create_file(match_condition=MatchConditions.IfNotModified, etag=_NEVER)
        except AzureError as error:
            if not isinstance(self.means(error, "w (write)"), Denied | Absent):
                raise self.final(error, "w (write)") from error
        else:
            self.drop(key)

    def stage(self, key: str, name: str, replaces: tuple[Content, ...] | None) -> AdlsSink:
        """A file in the staging folder."""
        return AdlsSink(self, key, name, replaces)

    def waits(self, key: str, file: StagedFile) -> bool:
        """By its size and digest."""
        there = self.look(key)
        return there is not None and (there.size, there.sha256) == (file.size, file.sha256)

    def move(self, source: str, file: StagedFile, target: str, over: Seen | None) -> str | None:
        """One rename, once the folder is there."""
        match self._rename(source, file, target, over):
            case None:
                return None
            case Denied():
                return TAKEN
            case Absent():
                return "another runner is at it"
            case Unsure(why):
                return why
            case other:
                return type(other).__name__

    def drop(self, key: str) -> None:
        """Deletes a file, if there is one, and the folders that this leaves empty."""
        self._prune(self._delete(key))

    def settle(self, source: str, file: StagedFile, target: str) -> None:
        """Renaming left the folders; what has its name by another way, such as the same content of another run, may wait still."""
        if self.look(source) is not None:
            self.drop(source)
        else:
            self._prune(source)

    def tidy(self, prefix: str) -> None:
        """Folders that a runner left which died between deleting a file and these."""
        try:
            found = [
                item.name for item in self.client.get_paths(prefix.rstrip("/"), recursive=True) if item.is_directory
            ]
        except AzureError as error:
            if isinstance(self.means(error, "l (list)"), Absent):
                return
            raise self.final(error, "l (list)") from error
        for folder in [*sorted(found, reverse=True), prefix.rstrip("/")]:
            self._prune(f"{folder}/")

    def _delete(self, key: str) -> str:
        try:
            self.file(key).delete_file()
        except AzureError as error:
            if not isinstance(self.means(error, "d (delete)"), Absent):
                raise self.final(error, "d (delete)") from error
        return key

    def _rename(self, source: str, file: StagedFile, target: str, over: Seen | None) -> Meaning | None:
        """None: done. Refusals are raised."""
        condition: dict[str, Any] = (
            {"match_condition": MatchConditions.IfMissing}
            if over is None
            else {"match_condition": MatchConditions.IfNotModified, "etag": over.tag}
        )
        self._make_folder(target)
        try:
            # The client unquotes what it renames, and nothing else.
            self.once.get_file_client(quote(source)).rename_file(f"{self._container}/{target}", **condition)
        except AzureError as error:
            match self.means(error, "m (move)"):
                case ReconcilerError() as refusal:
                    raise refusal from error
                case other:
                    return other
        return None

    def _make_folder(self, key: str) -> None:
        """The folder of a file; fine where it is there."""
        parent = key.rpartition("/")[0]
        if not parent:
            return
        try:
            self.client.get_directory_client(parent).create_directory(match_condition=MatchConditions.IfMissing)
        except AzureError as error:
            if not isinstance(self.means(error, "c (create)"), Denied):
                raise self.final(error, "c (create)") from error

    def _prune(self, key: str) -> None:
        """Removes the folders above, as long as they are empty; one that fills again meanwhile is made again."""
        folder = key
        while len(folder := folder.rpartition("/")[0]) > len(self._prefix):
            try:
                self.file(folder).delete_file(recursive=False)
            except AzureError as error:
                if not isinstance(self.means(error, "d (delete)"), Absent):
                    return  # not empty

    def _chunks(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        try:
            for chunk in chunks:
                for at in range(0, len(chunk), _CHUNK):
                    yield chunk[at : at + _CHUNK]
        except AzureError as error:
            raise self.final(error, "r (read)") from error
