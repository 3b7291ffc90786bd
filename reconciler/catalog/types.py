"""The destination types that come with this package, by name; `plugins.py` finds those of others."""

from __future__ import annotations

from reconciler.catalog.adls_gen2 import ADLS_GEN2
from reconciler.catalog.azure_blob import AZURE_BLOB
from reconciler.catalog.base import DestinationType
from reconciler.catalog.gcs import GCS
from reconciler.catalog.local import LOCAL
from reconciler.catalog.s3 import S3
from reconciler.catalog.sftp import SFTP

TYPES: dict[str, DestinationType] = {each.name: each for each in (LOCAL, S3, AZURE_BLOB, ADLS_GEN2, GCS, SFTP)}
