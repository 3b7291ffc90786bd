"""What the type needs and accepts. Configuration and plans read this and nothing else of the package."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reconciler.catalog.base import LOCAL_STORE, Connection, DestinationType, Folder


class SqlarConnection(Connection):
    """One archive: `path` is absolute, or relative to the project and inside it."""

    path: Annotated[
        str, Field(pattern=r"^.+\.sqlar$", max_length=1024, description="The archive's file, such as out/agency.sqlar.")
    ]

    def url(self) -> str:
        """The archive's path."""
        return self.path

    def folder(self, realm: str) -> Folder:
        """The file takes the place of a folder of this machine: nothing else may write there."""
        return Folder(LOCAL_STORE, self.path)


SQLAR = DestinationType(
    name="sqlar",
    title="SQLite Archive",
    summary="Files in one SQLite Archive, which `sqlite3 -A` lists and extracts.",
    category="file-based",
    delivery="atomic",
    accepts=("prospects", "customers", "datasets"),
    formats=("parquet", "json", "csv"),
    connection=SqlarConnection,
    opens="reconciler_sqlar.destination:open_sqlar",
)
