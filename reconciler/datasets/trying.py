"""A dataset tried before anything is applied: listed, and a byte of it read."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reconciler.datasets.open import open_dataset, open_files
from reconciler.datasets.problems import problem
from reconciler.errors import SourceError
from reconciler.resources.dataset import DatasetSpec, duration

if TYPE_CHECKING:
    from reconciler.accounts.aws import AwsSession


def try_reading(spec: DatasetSpec, now: datetime, *, root: Path, session: Callable[[], AwsSession]) -> int:
    """How many data files there are, those included that are too young to be read. Raises `SourceError`, `AccountError`, `MissingExtra`."""
    files = open_dataset(spec, root=root, session=session)
    try:
        listing = files.listing(now + duration(spec.incremental.settle))
    except SourceError as error:
        if error.needs != "s3:ListBucket":
            raise
        untold = "Whether s3:GetObject is allowed, which is needed too, can't be told without it."
        raise problem(error.code, f"{error.detail} {untold}", needs=error.needs) from error
    filled = next((file for file in listing.pin.files if file.size), None)
    if filled is not None:
        where = files.access().uri(filled.path)
        open_files(where, "parquet", timedelta(0), root=root, session=session).peek()
    return len(listing.pin.files)
