"""The `adls-gen2` destination: a folder of a container in Azure Data Lake Storage Gen2."""

from __future__ import annotations

from reconciler.catalog.azure import Container, ObjectPath
from reconciler.catalog.base import Access, Connection, DestinationType, Folder


class AdlsGen2Connection(Connection):
    """A folder of a container of a storage account with a hierarchical namespace. The storage account is the account's."""

    container: Container
    path: ObjectPath = ""
    access: Access = "read-write"

    def url(self) -> str:
        """`abfss://container/path`."""
        return f"abfss://{self.container}/{self.path.strip('/')}".rstrip("/")

    def folder(self, realm: str) -> Folder:
        """The same place as an `azure-blob` destination's that names the same container."""
        return Folder(("azure-blob", realm, self.container), self.path.strip("/"), "path" if self.path else "container")

    @property
    def deletes(self) -> bool:
        """Not where it is write-only."""
        return self.access == "read-write"


ADLS_GEN2 = DestinationType(
    name="adls-gen2",
    title="Azure Data Lake Storage Gen2",
    summary="Files in a folder of a container of Azure Data Lake Storage Gen2.",
    category="file-based",
    delivery="atomic",
    accepts=("prospects", "customers", "datasets"),
    formats=("parquet", "json", "csv"),
    connection=AdlsGen2Connection,
    opens="reconciler.destinations.adls_gen2:open_adls_gen2",
    accounts=("azure",),
    extra="azure",
)
