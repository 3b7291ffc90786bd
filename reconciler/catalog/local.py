"""The `local` destination: a folder on a local or mounted file system."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reconciler.catalog.base import LOCAL_STORE, Connection, DestinationType, Folder


class LocalConnection(Connection):
    """Where files go: `path` is absolute, or relative to the project and inside it."""

    path: Annotated[str, Field(min_length=1, max_length=1024, description="Folder: absolute, or inside the project.")]

    def url(self) -> str:
        """The folder as it is written."""
        return self.path

    def folder(self, realm: str) -> Folder:
        """A folder of this machine."""
        return Folder(LOCAL_STORE, self.path)


LOCAL = DestinationType(
    name="local",
    title="Local folder",
    summary="Files in a folder of this machine or of a mounted file system.",
    category="file-based",
    delivery="atomic",
    accepts=("prospects", "customers", "datasets"),
    formats=("parquet", "json", "csv"),
    connection=LocalConnection,
    opens="reconciler.destinations.local:open_local",
)
