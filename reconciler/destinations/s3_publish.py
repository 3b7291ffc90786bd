"""Publishing for the `s3` type: complete the upload, once, and find out what became of it.

A completion is conditional (If-None-Match: *) and consumes its upload, so an upload becomes an object at most once.
When the answer is lost or unclear, the object and the upload are looked at; only where the upload is still open and
there is no object is it sent again, and never after 409 or 412. What a write-only connection can't see, it doesn't
guess: an upload that is gone before its expiry was completed, since a decided run is never discarded.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable
from datetime import datetime
from enum import Enum
from typing import TYPE_CHECKING

from reconciler.accounts.s3_answers import CLIENT_ERRORS
from reconciler.destinations.base import Published
from reconciler.destinations.errors import failure, gone, unknown
from reconciler.destinations.s3_answers import Absent, Denied, NoUpload, Unsure, unreachable
from reconciler.destinations.s3_place import PAUSES, WHOLE, S3Place
from reconciler.errors import ReconcilerError
from reconciler.values.staged import Content, StagedFile

if TYPE_CHECKING:
    from mypy_boto3_s3.type_defs import HeadObjectOutputTypeDef

_Unclear = Unsure | Denied | NoUpload
_Answer = _Unclear | ReconcilerError | None
_CHUNK = 1 << 20


class _Seen(Enum):
    OURS = "ours"
    OTHERS = "others"
    NOTHING = "nothing"
    HIDDEN = "hidden"


def publish(place: S3Place, file: StagedFile, now: Callable[[], datetime]) -> Published:
    """See `Destination.publish`."""
    return complete(place, place.key(file.name), file, now)


def complete(place: S3Place, key: str, file: StagedFile, now: Callable[[], datetime]) -> Published:
    """Makes the upload at a key an object, and consumes it. Outcomes as of `publish`."""
    answer: _Unclear = Unsure("not sent")
    for pause in (0.0, *PAUSES):
        if pause:
            place.sleep(pause)
        if isinstance(answer, Unsure):
            sent = _complete(place, key, file)
            if sent is None:
                return Published.DONE
            if isinstance(sent, ReconcilerError):
                raise sent
            answer = sent
        outcome = _looked(place, key, file, answer, now)
        if outcome is not None:
            return outcome
    raise _given_up(place, file, answer)


def _complete(place: S3Place, key: str, file: StagedFile) -> _Answer:
    """Sends the completion once; None: it was done."""
    try:
        place.complete_upload(key, file.staged, file.parts)
    except CLIENT_ERRORS as error:
        match place.means(error, "s3:PutObject"):
            case Absent():
                return NoUpload()
            case meaning:
                return meaning
    return None


def _looked(
    place: S3Place, key: str, file: StagedFile, answer: _Unclear, now: Callable[[], datetime]
) -> Published | None:
    """What became of it, as far as it is clear; None: the upload is still open and nothing has the name, as far as
    can be seen."""
    try:
        # In this order: an upload that is gone before the object is looked at has surely become one, if it ever did.
        still_open = not isinstance(answer, NoUpload) and place.is_open(key, file.staged)
        seen = _see(place, key, file)
    except ReconcilerError as error:
        raise unknown(
            f"{place.url(file.name)}: the completion's answer was {_text(answer)}, and looking: {error.detail}"
        ) from error
    match seen:
        case _Seen.OURS:
            return Published.ALREADY
        case _Seen.OTHERS:
            raise failure("D120", f"{place.url(file.name)} holds something else than this export.")
        case _Seen.NOTHING if not still_open:
            return gone(file, place.url(file.name), now())
        case _Seen.HIDDEN if not still_open:
            gone(file, place.url(file.name), now())
            return Published.ALREADY
        case _:
            return None


def _given_up(place: S3Place, file: StagedFile, answer: _Unclear) -> ReconcilerError:
    where = place.url(file.name)
    match answer:
        case Denied(conflict=False) if not place.readable:
            return failure(
                "D120", f"{where} exists, and this export's upload is still open: something else has its name."
            )
        case Unsure(why):
            return unreachable(place.bucket, "s3:PutObject", f"{where} isn't completed yet ({why})")
        case _:
            return unreachable(place.bucket, "s3:PutObject", f"{where} is being written by another request")


def _see(place: S3Place, key: str, file: StagedFile) -> _Seen:
    """What has the key. Raises DestinationError where it can't be looked at."""
    if not place.readable:
        return _Seen.HIDDEN
    try:
        head = place.client.head_object(**place.common, Key=key, ChecksumMode="ENABLED")
    except CLIENT_ERRORS as error:
        if isinstance(place.means(error, "s3:GetObject"), Absent):
            return _Seen.NOTHING
        raise place.final(error, "s3:GetObject") from error
    return _Seen.OURS if is_ours(place, key, file, head) else _Seen.OTHERS


def is_ours(place: S3Place, key: str, file: StagedFile | Content, head: HeadObjectOutputTypeDef) -> bool:
    """By size and checksum, the composite one (some stores leave its `-<parts>` out) or the whole file's; without one that tells, by what
    it says of itself, or by what is in it."""
    if head["ContentLength"] != file.size:
        return False
    checksum = head.get("ChecksumSHA256", "")
    composite = file.checksum.partition("-")[0] if isinstance(file, StagedFile) else ""
    if checksum and checksum.partition("-")[0] in (composite, base64.b64encode(bytes.fromhex(file.sha256)).decode()):
        return True
    if composite and "-" in checksum:
        return False
    if WHOLE in (metadata := head.get("Metadata", {})):
        return metadata[WHOLE] == file.sha256
    digest = hashlib.sha256()
    try:
        body = place.client.get_object(**place.common, Key=key)["Body"]
        for chunk in body.iter_chunks(_CHUNK):
            digest.update(chunk)
    except CLIENT_ERRORS as error:
        raise place.final(error, "s3:GetObject") from error
    return digest.hexdigest() == file.sha256


def _text(answer: _Unclear) -> str:
    match answer:
        case Unsure(why):
            return f"unclear ({why})"
        case Denied():
            return "that another object or request is there"
        case NoUpload():
            return "that the upload is gone"
