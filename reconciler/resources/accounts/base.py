"""What every type of account says of itself."""

from __future__ import annotations

from collections.abc import Iterator

from reconciler.values.base import Value


class AccountSpec(Value):
    """An account's `spec`. Each type has its own fields; `type` names it."""

    type: str

    @property
    def realm(self) -> str:
        """What tells the servers apart that accounts of this type sign in to; nothing for the usual ones. Two connections that say the
        same lead to different places under different realms."""
        return ""

    def problems(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """What is wrong beyond the schema: the path below `spec`, and what, why and the mend. Never with a value that may be secret."""
        return iter(())
