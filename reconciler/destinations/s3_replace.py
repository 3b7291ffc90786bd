"""Publishing over a fixed name for the `s3` type (`files.replace`).

An upload can only be told by its key, and the name is the same for all runs: so the file waits below the staging folder, at a key
that holds the run's id. Once decided it is completed there, copied over the name in one step (a reader finds either file, whole), and
removed. Whoever comes late finds no source, so that an older file never takes a newer one's place. Needs `access: read-write`.

More than one CopyObject takes is copied by parts, in an upload at the name itself (`_by_parts`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from reconciler.accounts.s3_answers import CLIENT_ERRORS
from reconciler.destinations.base import Published
from reconciler.destinations.errors import failure, gone
from reconciler.destinations.names import RESERVED
from reconciler.destinations.s3_answers import Absent, Denied, NoUpload, Unsure, unreachable
from reconciler.destinations.s3_place import PAUSES, WHOLE, S3Place
from reconciler.destinations.s3_publish import complete, is_ours
from reconciler.destinations.s3_sink import part_size
from reconciler.errors import DestinationError, ReconcilerError
from reconciler.values.staged import Part, StagedFile

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

STAGING: Final = f"{RESERVED}staging/"
AT_ONCE: Final = 5 << 30
"""Bytes that one CopyObject takes."""
_COPIES: Final = 8
"""Parts that are copied at once; none of it comes through here."""


def waiting_at(run_id: str, name: str) -> str:
    """Where a file waits that is to replace another."""
    return f"{STAGING}{run_id}/{name}"


def publish(place: S3Place, file: StagedFile, at: str, now: Callable[[], datetime]) -> Published:
    """See `Destination.publish`; `at`: where the file waits."""
    target, source = place.key(file.name), place.raw_key(at)
    why = "not sent"
    for pause in (0.0, *PAUSES):
        if pause:
            place.sleep(pause)
        there = _head(place, target)
        if there is not None and is_ours(place, target, file, there):
            _clear(place, source, file)
            return Published.ALREADY
        if there is not None and not any(is_ours(place, target, each, there) for each in file.replaces or ()):
            return _not_given(place, source, target, file, now)
        try:
            waits = complete(place, source, file, now) is not Published.COLLECTED
        except DestinationError:
            if (fresh := _head(place, target)) is None or not is_ours(place, target, file, fresh):
                raise
            continue  # another runner has just published it
        if not waits:
            fresh = _head(place, target)
            ours = fresh is not None and is_ours(place, target, file, fresh)
            return Published.ALREADY if ours else gone(file, place.url(file.name), now())
        answer = _copy(place, source, file, there)
        if answer is None:
            _clear(place, source, file)
            return Published.DONE
        why = answer
    raise unreachable(place.bucket, "s3:PutObject", f"{place.url(file.name)} isn't replaced yet ({why})")


def _not_given(place: S3Place, source: str, target: str, file: StagedFile, now: Callable[[], datetime]) -> Published:
    """Only what earlier runs put there gives way. Where ours doesn't wait any more, it was there before what is there now."""
    fresh = _head(place, target)
    if fresh is not None and is_ours(place, target, file, fresh):
        _clear(place, source, file)
        return Published.ALREADY  # by another runner, while we looked
    if place.is_open(source, file.staged) or _head(place, source) is not None:
        raise failure("D120", f"{place.url(file.name)} holds something else than this export.")
    return gone(file, place.url(file.name), now())


def _head(place: S3Place, key: str) -> HeadObjectOutputTypeDef | None:
    """What has the key; None: nothing."""
    try:
        return place.client.head_object(**place.common, Key=key, ChecksumMode="ENABLED")
    except CLIENT_ERRORS as error:
        if isinstance(place.means(error, "s3:GetObject"), Absent):
            return None
        raise place.final(error, "s3:GetObject") from error


def _copy(place: S3Place, source: str, file: StagedFile, there: HeadObjectOutputTypeDef | None) -> str | None:
    """Copies over what was seen, and nothing else where the store knows the condition. Why it isn't certain that it did, or None."""
    condition: dict[str, Any] = {"IfNoneMatch": "*"} if there is None else {"IfMatch": there["ETag"]}
    try:
        if file.size > AT_ONCE:
            _by_parts(place, source, file, condition)
        else:
            place.once.copy_object(
                **place.common,
                **place.encryption,
                **condition,
                Key=place.key(file.name),
                CopySource={"Bucket": place.bucket, "Key": source},
                ChecksumAlgorithm="SHA256",
            )
    except CLIENT_ERRORS as error:
        match place.means(error, "s3:PutObject"):
            case Unsure(why):
                return why
            case Denied():
                return "something else took the name"
            case Absent() | NoUpload():
                return "another runner is at it"
            case refusal:
                raise refusal from error
    return None


def _by_parts(place: S3Place, source: str, file: StagedFile, condition: Mapping[str, Any]) -> None:
    """Copies the parts that the file was staged in, each with the checksum that it had, and completes them. Raises the client's errors.

    The upload has the name that all runs share, so it is told by no run's id. It is aborted by whoever publishes the file, once what
    waited is removed (`_clear`): from then on nobody can copy a part, and what was copied before is no upload any more. So a runner that
    wakes late completes nothing, whether the store knows the condition or not.
    """
    target = place.key(file.name)
    upload = place.create_upload(target, {WHOLE: file.sha256})
    try:
        with ThreadPoolExecutor(_COPIES, "copy") as pool:
            copied = [pool.submit(_part, place, source, target, upload, *each) for each in _ranges(file)]
            try:
                parts = [each.result() for each in copied]
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
        place.complete_upload(target, upload, parts, condition)
    except CLIENT_ERRORS as error:
        # Where it isn't known whether it was completed, another look tells, and then it is aborted.
        if not isinstance(place.means(error, "s3:PutObject"), Unsure):
            with suppress(ReconcilerError):
                place.abort_upload(target, upload)
        raise


def _ranges(file: StagedFile) -> Iterator[tuple[Part, int, int]]:
    """Each part with its first byte and its last one. None but the last has a length of its own."""
    start = 0
    for part in file.parts:
        end = min(start + part_size(part.number), file.size)
        yield part, start, end - 1
        start = end


def _part(place: S3Place, source: str, target: str, upload: str, part: Part, first: int, last: int) -> Part:
    answer = place.client.upload_part_copy(
        **place.common,
        Key=target,
        UploadId=upload,
        PartNumber=part.number,
        CopySource={"Bucket": place.bucket, "Key": source},
        CopySourceRange=f"bytes={first}-{last}",
    )
    return Part(number=part.number, etag=answer["CopyPartResult"]["ETag"], checksum=part.checksum)


def _clear(place: S3Place, source: str, file: StagedFile) -> None:
    """Removes what waited, completed or not: so nothing is left that could be published late."""
    place.abort_upload(source, file.staged)
    place.tried("s3:DeleteObject", lambda: place.client.delete_object(**place.common, Key=source))
    if file.size > AT_ONCE:
        place.close_uploads(place.key(file.name))
