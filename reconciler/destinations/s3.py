"""The `s3` type: a folder of a bucket in Amazon S3, or in what speaks its protocol and honours conditional writes.

Actions needed: s3:PutObject, s3:AbortMultipartUpload, s3:ListBucketMultipartUploads; with `access: read-write` also
s3:GetObject, s3:ListBucket and s3:DeleteObject; with a KMS key kms:GenerateDataKey and kms:Decrypt on it. A
lifecycle rule that aborts incomplete uploads should wait for 7 days, the time that staged files count on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from reconciler.accounts.aws import AwsSession
from reconciler.accounts.s3_answers import CLIENT_ERRORS
from reconciler.catalog.s3 import S3Connection
from reconciler.destinations import s3_probe, s3_publish, s3_replace
from reconciler.destinations.base import OWNER_MARKER, Capabilities, Found, ProbeReport, Published
from reconciler.destinations.errors import failure, unknown
from reconciler.destinations.names import is_reserved, lineage_in, owner_document, refuse_other_owner, run_segment
from reconciler.destinations.opening import Opening
from reconciler.destinations.s3_answers import Absent, Denied, Unsure
from reconciler.destinations.s3_place import PAUSES, S3Place, Sleep
from reconciler.destinations.s3_sink import S3Sink
from reconciler.errors import ReconcilerError
from reconciler.values.staged import Content, StagedFile

if TYPE_CHECKING:
    from botocore.response import StreamingBody

_CHUNK = 1 << 20
_BATCH = 1000
_ROUNDS = 20
_ROUND_PAUSE = 0.1


def open_s3(connection: S3Connection, opening: Opening) -> S3Destination:
    """What `catalog/s3.py` names."""
    return S3Destination(connection, opening.session(AwsSession))


class S3Destination:
    """One connection. `now` gives aware times."""

    def __init__(
        self,
        connection: S3Connection,
        session: AwsSession,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
        sleep: Sleep = time.sleep,
    ) -> None:
        self._place = S3Place(connection, session, sleep)
        self._now = now

    @property
    def capabilities(self) -> Capabilities:
        """As `access` declares."""
        return Capabilities(readable=self._place.readable, deletable=self._place.readable)

    def location(self, name: str = "") -> str:
        """`s3://bucket/path/name`."""
        return self._place.url(name)

    def probe(self) -> ProbeReport:
        """See s3_probe.py."""
        return s3_probe.probe(self._place)

    def lacking(self, known: str) -> list[str]:
        """See `Surveyed`."""
        return s3_probe.lacking(self._place, known)

    def owner(self) -> str | None:
        """The marker's lineage."""
        if not self._place.readable:
            return None
        try:
            answer = self._place.client.get_object(**self._place.common, Key=self._place.raw_key(OWNER_MARKER))
            return lineage_in(answer["Body"].read(_CHUNK), self.location())
        except CLIENT_ERRORS as error:
            if isinstance(self._place.means(error, "s3:GetObject"), Absent):
                return None
            raise self._place.final(error, "s3:GetObject") from error

    def claim_owner(self, lineage: str) -> None:
        """Creates the marker by a conditional write. On a write-only connection an existing marker is taken for
        ours: it can't be read."""
        for pause in PAUSES:
            wrote = self._write_marker(lineage)
            if wrote is True or (wrote is False and not self._place.readable):
                return
            if self._place.readable:
                try:
                    found = self.owner()
                except ReconcilerError as error:
                    raise unknown(f"{self.location(OWNER_MARKER)} may have been written. {error.detail}") from error
                if found is not None:
                    return refuse_other_owner(found, lineage, self.location())
            self._place.sleep(pause)
        raise unknown(f"{self.location(OWNER_MARKER)} may have been written; the store's answers were lost.")

    def stage(self, run_id: str, name: str, replaces: tuple[Content, ...] | None = None) -> S3Sink:
        """A multipart upload at the file's key, or where s3_replace.py says."""
        run_segment(run_id)
        if replaces is None:
            return S3Sink(self._place, name, self._now)
        self._needs_read_write()
        return S3Sink(self._place, name, self._now, at=s3_replace.waiting_at(run_id, name), replaces=replaces)

    def publish(self, file: StagedFile) -> Published:
        """See s3_publish.py and s3_replace.py."""
        if file.at is not None:
            return s3_replace.publish(self._place, file, file.at, self._now)
        return s3_publish.publish(self._place, file, self._now)

    def discard(self, run_id: str) -> int:
        """Aborts the run's uploads until none is listed: a part that was under way can outlive one abort."""
        run_segment(run_id)
        aborted: set[str] = set()
        for attempt in range(_ROUNDS):
            if attempt > 1:
                self._place.sleep(_ROUND_PAUSE)
            found = [(key, upload_id) for key, upload_id in self._uploads() if run_id in key]
            if not found:
                return len(aborted) + self._discard_completed(run_id)
            for key, upload_id in found:
                self._place.abort_upload(key, upload_id)
                aborted.add(upload_id)
        raise failure("D123", f"{self.location()}: uploads of run {run_id} are still listed.", permanent=False)

    def staged(self, run_id: str | None = None) -> Iterator[str]:
        """Names of open uploads."""
        for key, _ in self._uploads():
            name = key.removeprefix(self._place.prefix)
            if run_id is not None and run_id not in name:
                continue
            if name.startswith(s3_replace.STAGING):
                yield _final_name(name)
            elif not is_reserved(name):
                yield name
        for key in self._completed(run_id):
            yield _final_name(key.removeprefix(self._place.prefix))

    def list(self, prefix: str = "") -> Iterator[Found]:
        """Objects by key, without checksums, which listings don't hold. Sorted here: not every store does it."""
        self._needs_read_write()
        pages = self._place.client.get_paginator("list_objects_v2").paginate(
            **self._place.common, Prefix=self._place.prefix + prefix
        )
        try:
            found = [
                Found(item["Key"].removeprefix(self._place.prefix), item["Size"])
                for page in pages
                for item in page.get("Contents", ())
                if not item["Key"].endswith("/")
            ]
        except CLIENT_ERRORS as error:
            raise self._place.final(error, "s3:ListBucket") from error
        return iter(sorted((each for each in found if not is_reserved(each.name)), key=lambda each: each.name))

    def read(self, name: str) -> Iterator[bytes]:
        """The object in chunks of 1 MiB."""
        self._needs_read_write()
        try:
            body = self._place.client.get_object(**self._place.common, Key=self._place.key(name))["Body"]
        except CLIENT_ERRORS as error:
            if isinstance(self._place.means(error, "s3:GetObject"), Absent):
                raise failure("D131", f"{self.location(name)} isn't there.") from error
            raise self._place.final(error, "s3:GetObject") from error
        return self._chunks(body)

    def delete(self, names: Iterable[str]) -> None:
        """In batches of 1,000. In a versioned bucket older versions stay: that is for its lifecycle rules."""
        self._needs_read_write()
        keys = map(self._place.key, names)
        while batch := list(islice(keys, _BATCH)):
            self._delete_batch(batch)

    def _delete_batch(self, keys: Sequence[str]) -> None:
        answer = self._place.tried(
            "s3:DeleteObject",
            lambda: self._place.client.delete_objects(
                **self._place.common, Delete={"Objects": [{"Key": key} for key in keys], "Quiet": True}
            ),
        )
        for refused in answer.get("Errors", ()):
            if refused.get("Code") != "NoSuchKey":
                raise self._not_deleted(refused.get("Key", ""), refused.get("Code", ""))

    def _completed(self, run_id: str | None) -> Sequence[str]:
        """Keys of files that wait whole to replace others: their run was decided."""
        if not self._place.readable:
            return []
        prefix = self._place.prefix + s3_replace.STAGING + (f"{run_id}/" if run_id else "")
        pages = self._place.client.get_paginator("list_objects_v2").paginate(**self._place.common, Prefix=prefix)
        try:
            return [item["Key"] for page in pages for item in page.get("Contents", ())]
        except CLIENT_ERRORS as error:
            raise self._place.final(error, "s3:ListBucket") from error

    def _discard_completed(self, run_id: str) -> int:
        """Of a run that a person ended."""
        found = self._completed(run_id)
        if found:
            self._delete_batch(found)
        for key in found:  # after that nobody can copy from it any more
            name = _final_name(key.removeprefix(self._place.prefix))
            self._place.close_uploads(self._place.key(name))
        return len(found)

    def _uploads(self) -> Iterator[tuple[str, str]]:
        return self._place.uploads(self._place.prefix)

    def _write_marker(self, lineage: str) -> bool | None:
        """True: written; False: there is one; None: unclear."""
        key = self._place.raw_key(OWNER_MARKER)
        try:
            self._place.once.put_object(
                **self._place.common,
                **self._place.encryption,
                Key=key,
                Body=owner_document(lineage),
                ContentType="application/json",
                IfNoneMatch="*",
            )
        except CLIENT_ERRORS as error:
            match self._place.means(error, "s3:PutObject"):
                case Denied(conflict):
                    return None if conflict else False
                case Unsure():
                    return None
                case _:
                    raise self._place.final(error, "s3:PutObject") from error
        return True

    def _chunks(self, body: StreamingBody) -> Iterator[bytes]:
        try:
            yield from body.iter_chunks(_CHUNK)
        except CLIENT_ERRORS as error:
            raise self._place.final(error, "s3:GetObject") from error

    def _not_deleted(self, key: str, code: str) -> ReconcilerError:
        if code == "AccessDenied":
            return failure(
                "D104", f"s3://{self._place.bucket}/{key}: s3:DeleteObject is not allowed.", needs="s3:DeleteObject"
            )
        return failure("D110", f"s3://{self._place.bucket}/{key}, s3:DeleteObject: {code}", permanent=False)

    def _needs_read_write(self) -> None:
        if not self._place.readable:
            raise failure("D114", f"{self.location()} is declared access: write-only.")


def _final_name(waiting: str) -> str:
    """The name that a file will have which waits in the staging folder."""
    return waiting.removeprefix(s3_replace.STAGING).partition("/")[2]
