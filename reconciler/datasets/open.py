"""From a dataset's declaration to its files."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from reconciler.datasets.base import Files
from reconciler.datasets.local import LocalFiles
from reconciler.datasets.names import DataFormat
from reconciler.errors import MissingExtra
from reconciler.resources.dataset import CatalogLocation, DatasetSpec, duration

if TYPE_CHECKING:
    from reconciler.accounts.aws import AwsSession
    from reconciler.datasets.iceberg_place import Source
    from reconciler.datasets.s3 import S3Files

S3_SCHEME = "s3://"
_AT_ONCE = timedelta(0)
"""A table's version is whole once it is there."""


def open_dataset(spec: DatasetSpec, *, root: Path, session: Callable[[], AwsSession]) -> Files:
    """The files of a declared dataset, or of a table; see `open_files`."""
    match spec.format:
        case "delta":
            from reconciler.datasets.delta import DeltaFiles

            return DeltaFiles(_folder(_text(spec), root, session), spec.columns)
        case "iceberg":
            from reconciler.datasets.iceberg import IcebergFiles

            return IcebergFiles(_table(spec, root, session), spec.columns)
        case "parquet" | "csv" | "json":
            settle = duration(spec.incremental.settle)
            return open_files(_text(spec), spec.format, settle, root=root, session=session)
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


def _table(spec: DatasetSpec, root: Path, session: Callable[[], AwsSession]) -> Source:
    from reconciler.datasets.iceberg_place import GlueTable, HintedTable

    match spec.location:
        case CatalogLocation(table=table):
            return GlueTable(table, session, partial(_folder, root=root, session=session, called=spec.place))
        case str():
            return HintedTable(_folder(spec.location, root, session))
        case _:
            assert_never(spec.location)


def _folder(
    location: str, root: Path, session: Callable[[], AwsSession], called: str | None = None
) -> LocalFiles | S3Files:
    """A table's folder. `called`: what pins call it, where that isn't the location."""
    found = open_files(location, "parquet", _AT_ONCE, root=root, session=session)
    return found if called is None else replace(found, location=called)


def _text(spec: DatasetSpec) -> str:
    # What names a catalogue is an Iceberg table: configuration says so.
    assert isinstance(spec.location, str)
    return spec.location


def _normal(location: str) -> str:
    """One spelling for a location in pins: without a slash behind."""
    return location.rstrip("/") or "/"
