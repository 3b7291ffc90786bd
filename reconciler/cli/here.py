"""What every command gets: the project that it works on, and the console. Imports the rest when it is needed."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from reconciler.cli.console import Console

if TYPE_CHECKING:
    from reconciler.api.project import Project
    from reconciler.config.desired import Desired
    from reconciler.present.commands import Shell


class Here(NamedTuple):
    """`directory`: what `-C` named, taken as it is; else the nearest project is looked for."""

    directory: str | None
    console: Console

    def project(self, environment: str | None = None) -> Project:
        """The project. Raises ConfigInvalid P109."""
        from reconciler.api.project import Project

        return Project.open(self.directory, environment)

    def shell(self, environment: str | None = None) -> Shell:
        """How commands are written so that they work where this one was given."""
        from reconciler.present.commands import Shell

        return Shell(self.directory, environment)

    def desired(self, environment: str | None) -> Desired:
        """What is declared. Says what is wrong on stderr. Raises `NotValid` where that is an error."""
        found = self.project(environment).validate()
        desired = found.require()
        self.console.findings(found.diagnostics, found.files)
        return desired
