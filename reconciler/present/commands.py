"""Commands that a person would do next, as they can be pasted: with the directory and environment that this call was given."""

from __future__ import annotations

import shlex
from dataclasses import dataclass

from reconciler.present.words import inert

_ANYWHERE = ("explain", "schema")


@dataclass(frozen=True, slots=True)
class Shell:
    """`directory`, `environment`: as `-C` and `--env` gave them; None: not given."""

    directory: str | None = None
    environment: str | None = None

    def command(self, *arguments: str) -> str:
        """`reconcile …`, quoted, on one line."""
        words = ["reconcile", *arguments]
        if arguments[0] not in _ANYWHERE:
            if self.directory is not None:
                words[1:1] = ["-C", self.directory]
            if self.environment is not None:
                words += ["--env", self.environment]
        return " ".join(shlex.quote(inert(each)) for each in words)


HERE = Shell()
