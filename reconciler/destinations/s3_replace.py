"""Publishing over a fixed name for the `s3` type (`files.replace`).

An upload can only be told by its key, and the name is the same for all runs: so the file waits below the staging folder, at a key
that holds the run's id. Once decided it is completed there, copied over the name in one step (a reader finds either file, whole), and
removed. Whoever comes late finds no source, so that an older file never takes a newer one's place. Needs `access: read-write`.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from reconciler.accounts.s3_answers import CLIENT_ERRORS
from reconciler.destinations.base import Published
from reconciler.destinations.errors import failure, gone
from reconciler.destinations.names import RESERVED
from reconciler.destinations.s3_answers import Absent, Denied, NoUpload, Unsure, unreachable
from reconciler.destinations.s3_place import PAUSES, S3Place
from reconciler.destinations.s3_publish import complete, is_ours
from reconciler.errors import DestinationError
from reconciler.values.staged import StagedFile

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

STAGING: Final = f"{RESERVED}staging/"


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
        answer = _copy(place, source, target, there)
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


def _copy(place: S3Place, source: str, target: str, there: HeadObjectOutputTypeDef | None) -> str | None:
    """Copies over what was seen, and nothing else where the store knows the condition. Why it isn't certain that it did, or None."""
    condition: dict[str, Any] = {"IfNoneMatch": "*"} if there is None else {"IfMatch": there["ETag"]}
    try:
        place.once.copy_object(
            **place.common,
            **place.encryption,
            **condition,
            Key=target,
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


def _clear(place: S3Place, source: str, file: StagedFile) -> None:
    """Removes what waited, completed or not: so nothing is left that could be published late."""
    place.abort_upload(source, file.staged)
    place.tried("s3:DeleteObject", lambda: place.client.delete_object(**place.common, Key=source))
