"""Publishing for the `sftp` type: the protocol's own rename, which fails where something has the name already.

It shows the file and consumes the staged one in a single request, so that no crash leaves a staged file that could show again what a
recipient has taken. OpenSSH does it by a link and an unlink, in which case a second runner may see both names for a moment: so a staged
file that is still there beside its published self is waited for, and removed only once it is surely nobody's. A rename over a fixed name
(`files.replace`) is OpenSSH's extension, which replaces in one step.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from reconciler.accounts.sftp_wire import FAILED, MISSING, Lost, Refusal
from reconciler.destinations.base import Published
from reconciler.destinations.errors import failure, gone, unknown
from reconciler.destinations.names import segments
from reconciler.destinations.sftp_place import FOLDER_MODE, PAUSES, STAGING, SUFFIX, SftpPlace
from reconciler.errors import DestinationError, ReconcilerError
from reconciler.values.staged import Content, StagedFile

_ATTEMPTS: Final = 20
_WAITS: Final = (0.02, 0.05, 0.1, 0.3, 0.5, 1.0)
"""Seconds between looks at a staged file that another runner may be about to consume."""

Now = Callable[[], datetime]


def publish(place: SftpPlace, file: StagedFile, now: Now) -> Published:
    """See `Destination.publish`."""
    segments(file.name)
    staged = staged_name(file.staged)
    lost: Lost | None = None
    try:
        for _ in range(_ATTEMPTS):
            try:
                outcome = _step(place, file, staged, now)
            except Lost as error:
                if lost is not None:
                    place.sleep(PAUSES[-1])
                lost = error
                continue
            if outcome is not None:
                _prune(place, staged)
                return outcome
    except DestinationError as error:
        if lost is not None and error.code == "D105":
            raise unknown(
                f"{place.url(file.name)}: the rename's answer was lost ({lost}), and looking: {error.detail}"
            ) from error
        raise
    if lost is not None:
        raise place.unreachable(f"publish {file.name}", lost)
    raise failure("D110", f"{place.url(file.name)} couldn't be published: its folder keeps vanishing.", permanent=False)


def staged_name(staged: str) -> str:
    """A token's `staged`. Raises `DestinationError` D109 if it isn't in the staging area."""
    area, _, rest = staged.partition("/")
    if area != STAGING or not rest.endswith(SUFFIX):
        raise failure("D109", f"{staged!r} isn't in the staging area.")
    segments(rest)
    return staged


def _step(place: SftpPlace, file: StagedFile, staged: str, now: Now) -> Published | None:
    """Renames once, and looks what became of it. None: not done yet. Raises `Lost`: the rename may have been done."""
    waits = place.status(staged)
    if waits is None:
        return _consumed(place, file, now)
    if waits.size != file.size:
        raise failure("D121", f"{place.url(staged)} has {waits.size:,} bytes instead of {file.size:,}.")
    action = f"rename {staged} to {file.name}"
    try:
        with place.server.wire() as wire:
            wire.rename(place.path(staged), place.path(file.name))
        return Published.DONE
    except Refusal as refusal:
        if refusal.status == MISSING:
            # The staged file was consumed, or the folder isn't there: only the first of them is final.
            if place.status(staged) is not None:
                place.make_folders(file.name.rpartition("/")[0], FOLDER_MODE)
            return None
        meant = place.meant(action, refusal)
        if isinstance(meant, ReconcilerError) and not (refusal.status != FAILED and place.status(file.name)):
            raise meant from refusal
        return _taken(place, file, staged, refusal, now)


def _taken(place: SftpPlace, file: StagedFile, staged: str, refusal: Refusal, now: Now) -> Published | None:
    """Something has the name, as far as can be seen."""
    if place.status(file.name) is None:
        if place.status(staged) is None:
            return _consumed(place, file, now)
        folder = file.name.rpartition("/")[0]
        if folder and place.status(folder) is None:  # some servers say no more of a missing folder than that it failed
            place.make_folders(folder, FOLDER_MODE)
            return None
        raise place.refused(f"rename {staged} to {file.name}", refusal)
    # What gives way is looked for first: another runner may put ours in its place at any time, and never the other way round.
    if file.replaces and _holds(place, file.name, file.replaces):
        return _over(place, file, staged)
    if place.readable and not _holds(place, file.name, (file,)):
        if place.status(staged) is None:
            return _consumed(place, file, now)
        raise failure("D120", f"{place.url(file.name)} holds something else than this export.")
    for seconds in _WAITS:
        if place.status(staged) is None:
            return Published.ALREADY if place.readable else _consumed(place, file, now)
        place.sleep(seconds)
    if not place.readable:
        raise failure(
            "D120", f"{place.url(file.name)} exists, and this export still waits: something else has its name."
        )
    place.remove(staged)
    return Published.ALREADY


def _over(place: SftpPlace, file: StagedFile, staged: str) -> Published | None:
    """In one step: a reader opens either file, whole. Only strangers can come between looking and this."""
    try:
        with place.server.wire() as wire:
            wire.rename_over(place.path(staged), place.path(file.name))
    except Refusal as refusal:
        if refusal.status == MISSING:
            return None
        raise place.refused(f"rename {staged} over {file.name}", refusal) from refusal
    return Published.DONE


def _consumed(place: SftpPlace, file: StagedFile, now: Now) -> Published:
    """The staged file is gone: it was published, by whomever."""
    if not place.readable:
        gone(file, place.url(file.name), now())
        return Published.ALREADY
    found = place.digest(file.name)
    if found is None:
        return gone(file, place.url(file.name), now())
    if found == (file.size, file.sha256):
        return Published.ALREADY
    if file.replaces is not None:  # a later run's, or a stranger's: ours was there and is gone
        return gone(file, place.url(file.name), now())
    raise failure("D120", f"{place.url(file.name)} holds something else than this export.")


def _holds(place: SftpPlace, name: str, contents: tuple[Content | StagedFile, ...]) -> bool:
    """Whether a name holds one of these."""
    there = place.status(name)
    if there is None or not there.is_file or all(there.size != each.size for each in contents):
        return False
    return place.digest(name) in {(each.size, each.sha256) for each in contents}


def _prune(place: SftpPlace, staged: str) -> None:
    """Removes folders of the staging area that this left empty. What fails here is no failure of the export."""
    try:
        place.prune(staged.rpartition("/")[0])
    except DestinationError:
        return
