"""The probe of the `s3` type: every action that an export needs, tried one by one, so that the one that is missing
is named."""

from __future__ import annotations

import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Final

from reconciler.accounts.s3_answers import CLIENT_ERRORS
from reconciler.destinations.base import ProbeReport
from reconciler.destinations.errors import failure
from reconciler.destinations.lacking import Survey
from reconciler.destinations.names import RESERVED
from reconciler.destinations.s3_answers import Denied
from reconciler.destinations.s3_place import S3Place
from reconciler.errors import DestinationError, ReconcilerError
from reconciler.values.staged import Part

_BODY = b"probe\n"
_ABORTING: Final = "s3:AbortMultipartUpload"
_READING: Final = "s3:GetObject"
_NO_UPLOAD: Final = "none"
_PREFIX: Final = f"{RESERVED}probe"
STALE: Final = timedelta(hours=1)
"""A probe takes seconds: what is this much older than ours, by the store's own clock, was left by one that was killed."""


def probe(place: S3Place) -> ProbeReport:
    """Tries what this connection needs.

    read-write: uploads, completes, reads back, lists and deletes one object. write-only: the same object's name
    every time, since it can't be deleted: one small `.reconciler-probe` stays. Raises DestinationError.
    """
    key = place.raw_key(f"{_PREFIX}-{secrets.token_hex(8)}" if place.readable else _PREFIX)
    try:
        _try_upload_and_abort(place, key)
    except DestinationError as error:
        _explain_owner(place, error)
        raise
    if not place.readable:
        _complete_conditionally(place, key)
        _refuse_overwriting(place, key)
        return ProbeReport(("wrote a probe that stays (write-only)",))
    _remove(place, key)  # where that isn't allowed, nothing is there yet that would stay
    try:
        if not _complete_conditionally(place, key):
            raise failure("D110", f"{place.url()}: a new name was refused as existing.")
        _refuse_overwriting(place, key)
        _read_back(place, key)
        _sweep_objects(place)
    except ReconcilerError:
        with suppress(ReconcilerError):
            _remove(place, key)
        raise
    _remove(place, key)
    return ProbeReport(("wrote", "read back", "removed a probe"))


def lacking(place: S3Place, known: str) -> list[str]:
    """See `Surveyed`: nothing is completed. An upload is opened only where it may be aborted, as far as that is known."""
    survey, key = Survey(), place.raw_key(f"{_PREFIX}-{secrets.token_hex(8)}")
    upload_id = _NO_UPLOAD

    def open_one() -> None:
        nonlocal upload_id
        upload_id = place.create_upload(key)
        _upload(place, key, upload_id)

    if known != _ABORTING:
        survey.tries(open_one)
    survey.tries(lambda: list(place.uploads(key)))
    survey.tries(lambda: place.abort_upload(key, upload_id))
    if place.readable:
        survey.tries(lambda: _remove(place, key))
        listed = survey.tries(lambda: _list(place, key))
        # Without s3:ListBucket what isn't there is forbidden, whatever may be read.
        if known != _READING:
            survey.tries(
                lambda: _read(place, key), "" if listed else f"perhaps {_READING}, which s3:ListBucket would tell"
            )
    return survey.lacks


def _try_upload_and_abort(place: S3Place, key: str) -> None:
    """s3:PutObject, the encryption key, s3:ListBucketMultipartUploads, s3:AbortMultipartUpload."""
    upload_id = place.create_upload(key)
    try:
        _upload(place, key, upload_id)
        if not place.is_open(key, upload_id):
            raise failure(
                "D110", f"{place.url()}: an open multipart upload isn't listed, so leftovers couldn't be found."
            )
        _sweep_uploads(place)
    except ReconcilerError:
        with suppress(ReconcilerError):
            place.abort_upload(key, upload_id)
        raise
    place.abort_upload(key, upload_id)


def _sweep_uploads(place: S3Place) -> None:
    """Aborts what probes that were killed left open; ours is the newest, more or less."""

    def listed() -> list[tuple[datetime, str, str]]:
        pages = place.client.get_paginator("list_multipart_uploads").paginate(
            **place.common, Prefix=place.raw_key(_PREFIX)
        )
        return [
            (each["Initiated"], each["Key"], each["UploadId"]) for page in pages for each in page.get("Uploads", ())
        ]

    found = place.tried("s3:ListBucketMultipartUploads", listed)
    for since, key, upload_id in found:
        if max(found)[0] - since >= STALE:
            place.abort_upload(key, upload_id)


def _sweep_objects(place: S3Place) -> None:
    """Deletes the objects of probes that were killed."""
    answer = place.tried(
        "s3:ListBucket", lambda: place.client.list_objects_v2(**place.common, Prefix=place.raw_key(f"{_PREFIX}-"))
    )
    found = [(each["LastModified"], each["Key"]) for each in answer.get("Contents", ())]
    for since, key in found:
        if max(found)[0] - since >= STALE:
            _remove(place, key)


def _explain_owner(place: S3Place, error: DestinationError) -> None:
    """Tells a foreign bucket from a missing permission: asked without the expected owner, a harmless listing works."""
    if error.code != "D104" or place.owner is None:
        return
    with suppress(*CLIENT_ERRORS):
        place.client.list_multipart_uploads(Bucket=place.bucket, MaxUploads=1)
        try:
            place.client.list_multipart_uploads(**place.common, MaxUploads=1)
        except CLIENT_ERRORS:
            raise failure(
                "D103",
                f"s3://{place.bucket} isn't owned by account {place.owner}, as expectedBucketOwner says. "
                f"Nothing was sent.",
            ) from error


def _upload(place: S3Place, key: str, upload_id: str) -> Part:
    return place.tried("s3:PutObject", lambda: place.upload_part(key, upload_id, 1, _BODY))


def _complete_conditionally(place: S3Place, key: str) -> bool:
    """Whether an upload became the object; False: refused, since there is one. Either way no upload is left."""
    upload_id = place.create_upload(key)
    try:
        place.complete_upload(key, upload_id, (_upload(place, key, upload_id),))
    except CLIENT_ERRORS as error:
        place.abort_upload(key, upload_id)
        if isinstance(place.means(error, "s3:PutObject"), Denied):
            return False
        raise place.final(error, "s3:PutObject") from error
    except ReconcilerError:
        with suppress(ReconcilerError):
            place.abort_upload(key, upload_id)
        raise
    return True


def _refuse_overwriting(place: S3Place, key: str) -> None:
    if _complete_conditionally(place, key):
        raise failure(
            "D107", f"s3://{place.bucket} completed an upload over an object although If-None-Match forbade it."
        )


def _read_back(place: S3Place, key: str) -> None:
    """s3:GetObject (and kms:Decrypt), s3:ListBucket."""
    if _read(place, key) != _BODY:
        raise failure("D110", f"{place.url()}: a probe was read back with another content.")
    _list(place, key)


def _read(place: S3Place, key: str) -> bytes:
    return place.tried("s3:GetObject", lambda: place.client.get_object(**place.common, Key=key)["Body"].read())


def _list(place: S3Place, key: str) -> None:
    place.tried("s3:ListBucket", lambda: place.client.list_objects_v2(**place.common, Prefix=key, MaxKeys=1))


def _remove(place: S3Place, key: str) -> None:
    place.tried("s3:DeleteObject", lambda: place.client.delete_object(**place.common, Key=key))
