"""What the function that opens a type's destinations is given beside the connection."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from reconciler.accounts.secrets import Secret
from reconciler.accounts.sessions import Session, Sessions
from reconciler.destinations.errors import failure
from reconciler.resources.accounts.base import AccountSpec
from reconciler.resources.secrets import SecretRef

S = TypeVar("S", bound=Session)


@dataclass(frozen=True, slots=True)
class Opening:
    """`name`: the destination's. `root`: the project's folder, for relative paths. `account`: the one that it names, if any."""

    name: str
    root: Path
    account: AccountSpec | None
    sessions: Sessions

    def session(self, kind: type[S]) -> S:
        """The account's session, shared with all that is opened with it. Raises `AccountError`: an account of another type."""
        return self.sessions.of(self.account, kind)

    def folder(self, path: str) -> Path:
        """A folder of this machine: absolute paths are their owner's choice; relative ones stay inside the project, links followed.

        Raises `DestinationError` D109.
        """
        folder = Path(path)
        if folder.is_absolute():
            return folder
        inside = (self.root / folder).resolve()
        if not inside.is_relative_to(self.root.resolve()):
            raise failure(
                "D109", f"connection.path {path!r} leads out of the project. Write an absolute path if it is meant."
            )
        return inside

    def secret(self, ref: SecretRef) -> Secret:
        """A secret that the connection refers to, as it is now. Raises `AccountError` that never says it."""
        return self.sessions.secret(ref)
