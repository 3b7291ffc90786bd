"""The `gcs` destination: a folder of a bucket in Google Cloud Storage. Bucket names: Cloud Storage, "About buckets"."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, Field, WithJsonSchema

from reconciler.catalog.base import Access, Connection, DestinationType, Folder

GCS_BUCKET_PATTERN = (
    r"^(?!goog)(?!.*g[o0][o0]gle)(?![0-9]+\.[0-9]+\.[0-9]+\.[0-9]+$)(?!.*\.\.)"
    r"(?=.{3,222}$)[a-z0-9][a-z0-9_-]{0,62}(\.[a-z0-9_-]{1,63})*(?<=[a-z0-9])$"
)
_RULE = (
    "3-63 lower-case letters, digits, hyphens and underscores; with dots up to 222, 63 between them. No google in it."
)


def _bucket(text: str) -> str:
    # Here and not in Field(pattern=…): pydantic's own expressions have no look-around.
    if not re.fullmatch(GCS_BUCKET_PATTERN, text):
        raise ValueError(f"not a bucket's name: {_RULE}")
    return text


GcsBucket = Annotated[
    str,
    AfterValidator(_bucket),
    WithJsonSchema({"type": "string", "pattern": GCS_BUCKET_PATTERN, "description": _RULE}),
]


class GcsConnection(Connection):
    """A folder of a bucket."""

    bucket: GcsBucket
    path: Annotated[str, Field(max_length=800, description="The folder in the bucket.")] = ""
    access: Access = "read-write"

    def url(self) -> str:
        """`gs://bucket/path`."""
        return f"gs://{self.bucket}/{self.path.strip('/')}".rstrip("/")

    def folder(self, realm: str) -> Folder:
        """A folder of a bucket; bucket names are Google's, whoever owns them."""
        return Folder(("gs", realm, self.bucket), self.path.strip("/"), "path" if self.path else "bucket")

    @property
    def deletes(self) -> bool:
        """Not where it is write-only."""
        return self.access == "read-write"


GCS = DestinationType(
    name="gcs",
    title="Google Cloud Storage",
    summary="Files in a folder of a bucket of Google Cloud Storage.",
    category="file-based",
    delivery="atomic",
    accepts=("prospects", "customers", "datasets"),
    formats=("parquet", "json", "csv"),
    connection=GcsConnection,
    opens="reconciler.destinations.gcs:open_gcs",
    accounts=("gcp",),
    extra="gcs",
)
