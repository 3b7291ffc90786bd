"""What commands share: the project at hand, colours, findings on stderr. Imports the rest when it is needed."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from reconciler.config.desired import Desired
    from reconciler.config.load import Loaded
    from reconciler.present.diagnostics import Style

_COLOURS: dict[str, dict[str, Any]] = {
    "place": {"bold": True},
    "error": {"fg": "red", "bold": True},
    "warning": {"fg": "yellow", "bold": True},
    "summary": {"bold": True},
    "quote": {"dim": True},
    "mark": {"fg": "red"},
}


@dataclass(frozen=True, slots=True)
class Here:
    """Where a command works. `directory`: what `-C` named, taken as it is; else the nearest project is looked for."""

    directory: Path | None = None

    def project(self) -> Path:
        """The project directory, absolute. Raises ConfigInvalid P109."""
        from reconciler.config.files import require_project

        return self.directory.absolute() if self.directory else require_project(Path.cwd())

    def load(self, environment: str | None) -> Loaded:
        """The project's configuration, valid or not. Raises ConfigInvalid P109 where there is no configuration at all:
        a mistyped directory must not pass as valid."""
        from reconciler.config.load import load
        from reconciler.errors import ConfigInvalid

        project = self.project()
        found = load(project, environment)
        if not found.files and not found.diagnostics:
            raise ConfigInvalid("P109", "no project here", f"There is no YAML file to read in {project}.")
        return found

    def desired(self, environment: str | None) -> Desired:
        """The valid desired state; see `valid`."""
        return valid(self.load(environment))


def valid(found: Loaded) -> Desired:
    """The desired state. Prints what is wrong to stderr, and ends the command with 3 if there is none."""
    from reconciler.present.diagnostics import as_text

    if found.diagnostics:
        text = as_text(found.diagnostics, found.files, files=len(found.files), style=style_for(sys.stderr))
        click.echo(text, err=True, nl=False, color=coloured(sys.stderr))
    if found.desired is None:
        raise click.exceptions.Exit(3)
    return found.desired


def coloured(stream: IO[str]) -> bool:
    """Whether colours are shown: on a terminal that has them, unless NO_COLOR is set to anything."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def style_for(stream: IO[str]) -> Style:
    """Colours for a terminal, plain text for everything else."""
    from reconciler.present.diagnostics import plain

    if not coloured(stream):
        return plain
    return lambda text, role: click.style(text, **_COLOURS.get(role, {}))


def printable(text: str) -> str:
    """Text on one line that can't move a terminal's cursor nor hide anything."""
    from reconciler.config.text import CONTROL, INVISIBLE

    for pattern in (CONTROL, INVISIBLE):
        text = pattern.sub(lambda found: f"<U+{ord(found[0]):04X}>", text)
    return " ".join(text.split())


def as_json(data: dict[str, object]) -> str:
    """Versioned JSON, as every listing prints it."""
    import json

    return json.dumps({"version": 1, **data}, indent=2, ensure_ascii=False)


def plural(number: int, name: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {name}" + ("" if number == 1 else "s")
