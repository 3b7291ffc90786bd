"""Which metadata file of an Apache Iceberg table is the current one: by a hint in its folder, or by a catalogue."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from reconciler.datasets.problems import absent, problem
from reconciler.datasets.tables import Folder, unsupported
from reconciler.errors import SourceError

if TYPE_CHECKING:
    from reconciler.accounts.aws import AwsSession

Current: TypeAlias = tuple[Folder, str, bytes]
_HINT = "metadata/version-hint.text"
_NAMED = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,250}\.metadata\.json")
_LISTED = re.compile(r"(s3[an]?://.+)/(metadata/[^/]+)")


class Source(Protocol):
    """Where a table is."""

    def current(self) -> Current:
        """Its folder, and the current metadata file's path in it and content. Raises `SourceError`."""
        ...


@dataclass(frozen=True, slots=True)
class HintedTable:
    """By `metadata/version-hint.text`, which catalogues of folders keep."""

    folder: Folder

    def current(self) -> Current:
        """See `Source.current`. Raises `SourceError` F101, F104, F105."""
        hint = self.folder.read(_HINT)
        if hint is None:
            raise problem(
                "F101",
                f"There is no {_HINT} at {self.folder.location}: it isn't an Apache Iceberg table, or its catalogue alone knows which "
                "of its metadata files is the current one, and guessing might read what was never committed. If the catalogue is AWS Glue, "
                "name the table there (location: {catalog: glue, table: DATABASE.TABLE}); else have the hint written.",
            )
        text = hint.decode("utf-8", "replace").strip()
        if not text.isascii() or not text.isdigit():
            if not _NAMED.fullmatch(text):
                raise problem("F105", f"The table at {self.folder.location}: {_HINT} names no metadata file.")
            found = self.folder.read(f"metadata/{text}")
            if found is None:
                raise problem(
                    "F105", f"The table at {self.folder.location}: the metadata file that {_HINT} names is gone."
                )
            return self.folder, f"metadata/{text}", found
        return self.folder, *self._newest(int(text))

    def _newest(self, version: int) -> tuple[str, bytes]:
        """The hint is written after the commit, so it may lag behind: later versions are looked for."""
        best = self._numbered(version)
        if best is None:
            raise problem("F105", f"The table at {self.folder.location}: metadata of version {version} is gone.")
        while (later := self._numbered(version + 1)) is not None:
            best, version = later, version + 1
        return best

    def _numbered(self, version: int) -> tuple[str, bytes] | None:
        for ending in (".metadata.json", ".gz.metadata.json", ".metadata.json.gz"):
            path = f"metadata/v{version}{ending}"
            if (found := self.folder.read(path)) is not None:
                return path, found
        return None


@dataclass(frozen=True, slots=True)
class GlueTable:
    """By AWS Glue. `table`: DATABASE.TABLE. `place`: the folder at an `s3://` location, called as the dataset's location is."""

    table: str
    session: Callable[[], AwsSession]
    place: Callable[[str], Folder]

    def current(self) -> Current:
        """See `Source.current`. Raises `SourceError` F101, F104, F105, F131; `AccountError`, `MissingExtra`."""
        called = f"glue:{self.table}"
        parameters = self._known().get("Parameters", {})
        found = _LISTED.fullmatch(str(parameters.get("metadata_location", "")))
        if str(parameters.get("table_type", "")).upper() != "ICEBERG" or found is None:
            raise unsupported(called, "isn't an Apache Iceberg table with its metadata below its folder in S3")
        folder = self.place(re.sub(r"^s3[an]://", "s3://", found[1]))
        content = folder.read(found[2])
        if content is None:
            raise problem("F105", f"The table at {called}: the metadata file that the catalogue names is gone.")
        return folder, found[2], content

    def _known(self) -> dict[str, Any]:
        client = self.session().glue()
        from botocore.exceptions import BotoCoreError, ClientError

        database, _, name = self.table.partition(".")
        try:
            return dict(client.get_table(DatabaseName=database, Name=name)["Table"])
        except ClientError as error:
            raise self._refused(error.response.get("Error", {}).get("Code", "")) from error
        except BotoCoreError as error:
            raise problem("F104", f"AWS Glue can't be asked for {self.table} ({type(error).__name__}).") from error

    def _refused(self, code: str) -> SourceError:
        if code == "EntityNotFoundException":
            return absent(f"AWS Glue knows no table {self.table} in the account's region.")
        return problem("F104", f"AWS Glue answered {code} to glue:GetTable of {self.table}.")
