"""From a destination's declaration to a connection."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, assert_never

from reconciler.destinations.base import Destination
from reconciler.destinations.errors import failure
from reconciler.errors import MissingExtra
from reconciler.resources.destination import LocalDestinationSpec, S3DestinationSpec
from reconciler.resources.effective import EffectiveDestination

if TYPE_CHECKING:
    from reconciler.accounts.aws import AwsSession


def open_destination(
    destination: EffectiveDestination, *, root: Path, session: Callable[[], AwsSession]
) -> Destination:
    """The connection; touches nothing yet. `root`: the project, for relative paths; `session` is called for S3 only.

    Raises `MissingExtra`, `AccountError`, `DestinationError` D109: a relative path leads out of the project.
    """
    match destination.spec:
        case LocalDestinationSpec(connection=local):
            from reconciler.destinations.local import LocalDestination

            return LocalDestination(_folder(root, local.path))
        case S3DestinationSpec(connection=s3):
            try:
                from reconciler.destinations.s3 import S3Destination
            except ImportError as error:
                raise MissingExtra("s3", f"destination {destination.name} in S3") from error
            return S3Destination(s3, session())
        case _:
            assert_never(destination.spec)


def _folder(root: Path, path: str) -> Path:
    """Absolute paths are their owner's choice; relative ones stay inside the project, links followed."""
    folder = Path(path)
    if folder.is_absolute():
        return folder
    inside = (root / folder).resolve()
    if not inside.is_relative_to(root.resolve()):
        raise failure(
            "D109", f"connection.path {path!r} leads out of the project. Write an absolute path if it is meant."
        )
    return inside
