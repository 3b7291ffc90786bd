"""`reconcile`: finds the command, and turns whatever comes out of it into an exit code."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from reconciler.cli.wiring import Here
from reconciler.version import __version__

USAGE = 64
INTERRUPTED = 130
COMMANDS = {
    "apply": "Perform what the plan says, due exports included.",
    "catalog": "Destination types, and what each accepts and needs.",
    "explain": "What a diagnostic means, and how to mend it.",
    "history": "The recorded runs, newest first.",
    "export": "Export one flow now, on demand.",
    "init": "Start a small working project.",
    "ledger": "Look at the ledger, and release a dead runner's lease.",
    "list": "The resources of a project.",
    "plan": "Show what would change.",
    "run": "Export what is due, of what is applied.",
    "schema": "Print a JSON Schema.",
    "status": "How applied flows are doing.",
    "validate": "Check the configuration, offline.",
    "verify": "Compare destinations with the ledger.",
}


class LazyGroup(click.Group):
    """A group that imports a command's module (`reconciler.cli.<name>`) only when the command is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, without importing anything."""
        return sorted(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command, imported."""
        if cmd_name not in COMMANDS:
            return None
        command = importlib.import_module(f"reconciler.cli.{cmd_name}").command
        return command if isinstance(command, click.Command) else None

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reconcile", message="%(prog)s %(version)s")
@click.option(
    "-C",
    "directory",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="The project directory. Default: here, or the nearest parent that has a Project.",
)
@click.pass_context
def reconcile(ctx: click.Context, directory: Path | None) -> None:
    """Audience exports as code: declared in YAML, validated offline."""
    ctx.obj = Here(directory)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and ends the process with the exit code of `run`."""
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: 0 fine, 1 failed, 3 configuration invalid, 64 wrong usage, others as
    the error's class says. Errors that are meant for people never show a traceback."""
    try:
        code = reconcile.main(args=arguments, prog_name="reconcile", standalone_mode=False)
    except click.UsageError as error:
        error.show()
        return USAGE
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except click.Abort:
        click.echo("Interrupted.", err=True)
        return INTERRUPTED
    except Exception as error:
        return _failed(error)
    return code if isinstance(code, int) else 0


def _failed(error: Exception) -> int:
    from reconciler.cli.wiring import printable
    from reconciler.errors import ReconcilerError

    if isinstance(error, ReconcilerError):
        click.echo(f"{error.code} {error.summary}", err=True)
        if error.detail:
            click.echo(f"  {printable(error.detail)}", err=True)
        return error.exit_code
    if isinstance(error, OSError) and error.strerror:
        where = f": {printable(str(error.filename))}" if error.filename else ""
        click.echo(f"Failed: {error.strerror}{where}", err=True)
        return 1
    # Not the message: an unexpected error's text may hold anything, data and secrets included.
    click.echo(f"Failed unexpectedly ({type(error).__name__}): this is a bug in reconcile {__version__}.", err=True)
    return 1
