"""The `local` destination: a folder on a local or mounted file system."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reconciler.catalog.base import DestinationType
from reconciler.values.base import Value


class LocalConnection(Value):
    """Where files go: `path` is absolute, or relative to the project and inside it."""

    path: Annotated[str, Field(min_length=1, max_length=1024, description="Folder: absolute, or inside the project.")]


LOCAL = DestinationType(
    name="local",
    title="Local folder",
    summary="Files in a folder of this machine or of a mounted file system.",
    category="file-based",
    delivery="atomic",
    accepts=("prospects", "customers", "datasets"),
    formats=("parquet", "json", "csv"),
    connection=LocalConnection,
    account=None,
    extra=None,
)
