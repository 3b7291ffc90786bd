"""From a dataset's declaration to its files."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from reconciler.datasets.base import Files
from reconciler.datasets.local import LocalFiles
from reconciler.datasets.names import DataFormat
from reconciler.errors import MissingExtra
from reconciler.resources.dataset import DatasetSpec, duration

if TYPE_CHECKING:
    from reconciler.accounts.aws import AwsSession
    from reconciler.datasets.s3 import S3Files

S3_SCHEME = "s3://"
_AT_ONCE = timedelta(0)
"""A table's version is whole once it is there."""


def open_dataset(spec: DatasetSpec, *, root: Path, session: Callable[[], AwsSession]) -> Files:
    """The files of a declared dataset, or of a table; see `open_files`."""
    match spec.format:
        case "delta":
            from reconciler.datasets.delta import DeltaFiles

            return DeltaFiles(open_files(spec.location, "parquet", _AT_ONCE, root=root, session=session), spec.columns)
        case "iceberg":
            from reconciler.datasets.iceberg import IcebergFiles

            return IcebergFiles(
                open_files(spec.location, "parquet", _AT_ONCE, root=root, session=session), spec.columns
            )
        case "parquet" | "csv" | "json":
            settle = duration(spec.incremental.settle)
            return open_files(spec.location, spec.format, settle, root=root, session=session)
        case _:
            assert_never(spec.format)


def open_files(
    location: str, form: DataFormat, settle: timedelta, *, root: Path, session: Callable[[], AwsSession]
) -> LocalFiles | S3Files:
    """The files at `s3://BUCKET/PREFIX`, or at a local path, relative ones below `root`.

    Touches nothing yet; `session` is called for S3 only. Raises `MissingExtra`, `AccountError`.
    """
    if not location.startswith(S3_SCHEME):
        path = (root / location.removeprefix("file://")).absolute()
        return LocalFiles(path, _normal(location), form, settle)
    try:
        from reconciler.datasets.s3 import S3Files
    except ImportError as error:
        raise MissingExtra("s3", "a dataset in S3") from error
    bucket, _, prefix = location.removeprefix(S3_SCHEME).partition("/")
    return S3Files(bucket, prefix, _normal(location), form, settle, session())


def _normal(location: str) -> str:
    """One spelling for a location in pins: without a slash behind."""
    return location.rstrip("/") or "/"
