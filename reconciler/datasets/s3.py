"""Datasets in S3, or in what speaks its protocol. Objects are identified by size and ETag."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from reconciler.accounts.aws_errors import plain_error
from reconciler.accounts.s3_answers import ELSEWHERE, NO_KEYS, WRONG_KEYS, answered, missing_action
from reconciler.datasets.base import Access, Listing
from reconciler.datasets.names import DELTA_LOG, DataFormat, check_name, no_table, visible
from reconciler.datasets.problems import absent, problem
from reconciler.errors import SourceError
from reconciler.values.pin import Pin, PinnedFile

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from reconciler.accounts.aws import AwsSession

_LOOKED_UP = 200
"""Up to so many files are looked up one by one, more by listing (1,000 a request)."""


@dataclass(frozen=True)
class S3Files:
    """`prefix` as written in the location: a folder, with or without the slash behind, or one object."""

    bucket: str
    prefix: str
    location: str
    format: DataFormat
    settle: timedelta
    session: AwsSession

    def listing(self, now: datetime) -> Listing:
        """All settled data objects. Raises `SourceError` F101, F102, F104, F135."""
        settled, waiting, modified = [], [], {}
        for file, changed in self._objects():
            name = file.path or self.prefix
            check_name(name, self.format)
            if changed > now - self.settle:
                waiting.append(name)
                continue
            settled.append(file)
            modified[file.path] = changed
        settled.sort(key=lambda file: file.path)
        return Listing(Pin(location=self.location, files=tuple(settled)), tuple(sorted(waiting)), modified)

    def changed(self, files: Iterable[PinnedFile]) -> tuple[str, ...]:
        """Paths that aren't what was pinned: a few are looked up, many are listed."""
        pinned = tuple(files)
        current = self.found(file.path for file in pinned)
        return tuple(file.path or self.prefix for file in pinned if not file.same(current.get(file.path)))

    def columns(self) -> None:
        """Each file has its own."""
        return None

    def found(self, paths: Iterable[str]) -> Mapping[str, PinnedFile | None]:
        """What is at each path by now."""
        wanted = tuple(paths)
        if len(wanted) <= _LOOKED_UP:
            return {path: found and found[0] for path in wanted for found in (self._head(path),)}
        current = {file.path: file for file, _ in self._listed(self._folder)}
        return {path: current.get(path) for path in wanted}

    def read(self, path: str) -> bytes | None:
        """A small object's content; None where there is none. Raises `SourceError` F101, F104."""
        try:
            with self._said("s3:GetObject"):
                return self._client.get_object(Bucket=self.bucket, Key=f"{self._folder}{path}")["Body"].read()
        except _Gone:
            return None

    def peek(self) -> None:
        """Reads a byte of what is one object. Raises `SourceError` F104."""
        with self._said("s3:GetObject"):
            self._client.get_object(Bucket=self.bucket, Key=self.prefix, Range="bytes=0-0")["Body"].read()

    def access(self) -> Access:
        """`s3://` addresses, and what is needed to sign requests at any time."""
        single, region = self._single, self._region
        root = f"s3://{self.bucket}/{single or self._folder}".rstrip("/")
        return Access(root, lambda: self.session.engine_options(region))

    @property
    def _folder(self) -> str:
        return f"{self.prefix.rstrip('/')}/" if self.prefix.strip("/") else ""

    @cached_property
    def _client(self) -> S3Client:
        return self.session.s3()

    @cached_property
    def _region(self) -> str | None:
        """The bucket's own: boto3 follows redirects to it, engines don't. None for stores elsewhere than at AWS."""
        if "endpoint_url" in self.session.engine_options():
            return None
        with self._said("s3:ListBucket"):
            return self._client.head_bucket(Bucket=self.bucket).get("BucketRegion")

    @cached_property
    def _single(self) -> str:
        """The object's key if the location is one object, else nothing."""
        if not self.prefix or self.prefix.endswith("/"):
            return ""
        with self._said("s3:ListBucket"):
            page = self._client.list_objects_v2(Bucket=self.bucket, Prefix=self._folder, MaxKeys=1)
        return "" if page.get("Contents") else self.prefix

    def _objects(self) -> list[tuple[PinnedFile, datetime]]:
        if self._single:
            found = self._head("")
            if found is None:
                raise absent(f"There is nothing at {self.location}.")
            return [found]
        anything = False
        objects = []
        for file, changed in self._listed(self._folder):
            anything = True
            if file.path.startswith(f"{DELTA_LOG}/"):
                raise no_table(self.location)
            # What consoles make for a folder: an object without content whose key ends in a slash.
            if file.path and not file.path.endswith("/") and visible(file.path):
                objects.append((file, changed))
        if not anything:
            raise absent(f"There is nothing at {self.location}.")
        return objects

    def _listed(self, prefix: str) -> Iterator[tuple[PinnedFile, datetime]]:
        with self._said("s3:ListBucket"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix):
                for entry in page.get("Contents", ()):
                    path = entry["Key"].removeprefix(prefix)
                    file = PinnedFile(path=path, size=entry["Size"], version=entry["ETag"].strip('"'))
                    yield file, entry["LastModified"].astimezone(UTC)

    def _head(self, path: str) -> tuple[PinnedFile, datetime] | None:
        key = f"{self._folder}{path}" if path else self.prefix
        try:
            with self._said("s3:GetObject"):
                found = self._client.head_object(Bucket=self.bucket, Key=key)
        except _Gone:
            return None
        file = PinnedFile(path=path, size=found["ContentLength"], version=found["ETag"].strip('"'))
        return file, found["LastModified"].astimezone(UTC)

    @contextlib.contextmanager
    def _said(self, action: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            raise self._meaning(error, action) from error
        except NO_KEYS as error:
            raise plain_error(error) from error
        except BotoCoreError as error:
            raise problem("F104", f"{self.location}: {error}.") from error

    def _meaning(self, error: ClientError, action: str) -> Exception:
        status, code = answered(error)
        if code == "NoSuchBucket":
            return absent(f"There is no bucket {self.bucket}.")
        if status == 404:
            return _Gone("F101", "gone")
        if code in WRONG_KEYS:
            return problem(
                "F104", f"{self.location}: the store answered {code}. The keys are wrong or expired, or this clock is."
            )
        if code in ELSEWHERE or status in (301, 307):
            return problem(
                "F104", f"{self.location}: the bucket is in another region ({code}). Set the account's `region`."
            )
        if status == 403:
            needs = missing_action(error, action)
            return problem("F104", f"{self.location}: {needs} is not allowed.{_unnamed(code)}", needs=needs)
        return problem("F104", f"{self.location}: the store answered {status} {code}.")


def _unnamed(code: str) -> str:
    """Answers to HEAD have no body that would tell."""
    return " Or the keys are wrong." if code == "403" else ""


class _Gone(SourceError):
    """There is no such object."""
