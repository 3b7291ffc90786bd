"""The `azure-blob` destination: a folder of a container in Azure Blob Storage."""

from __future__ import annotations

from reconciler.catalog.azure import Container, ObjectPath
from reconciler.catalog.base import Connection, DestinationType, Folder


class AzureBlobConnection(Connection):
    """A folder of a container. The storage account is the account's."""

    container: Container
    path: ObjectPath = ""

    def url(self) -> str:
        """`azure-blob://container/path`."""
        return f"azure-blob://{self.container}/{self.path.strip('/')}".rstrip("/")

    def folder(self, realm: str) -> Folder:
        """A folder of a container, which is another one in another storage account."""
        return Folder(("azure-blob", realm, self.container), self.path.strip("/"), "path" if self.path else "container")


AZURE_BLOB = DestinationType(
    name="azure-blob",
    title="Azure Blob Storage",
    summary="Files in a folder of a container of Azure Blob Storage.",
    category="file-based",
    delivery="atomic",
    accepts=("prospects", "customers", "datasets"),
    formats=("parquet", "json", "csv"),
    connection=AzureBlobConnection,
    opens="reconciler.destinations.azure_blob:open_azure_blob",
    accounts=("azure",),
    extra="azure",
)
