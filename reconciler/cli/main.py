"""`reconcile`: finds the command, and turns whatever comes out of it into an exit code."""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

import click

from reconciler.cli import exits
from reconciler.cli.console import Console, LogForm
from reconciler.cli.here import Here
from reconciler.cli.signals import Stopped, Terminated, terminated
from reconciler.collecting import kept_to_the_end
from reconciler.version import __version__

if TYPE_CHECKING:
    from click.shell_completion import CompletionItem

COMMANDS = {
    "account": "Log in to an account.",
    "apply": "Perform what the plan says, due exports included.",
    "catalog": "Destination types, and what each accepts and needs.",
    "explain": "What a diagnostic means, and how to mend it.",
    "history": "The recorded runs, newest first.",
    "export": "Export flows now, on demand.",
    "init": "Start a small working project.",
    "ledger": "Look at the ledger, back it up, end held runs.",
    "list": "The resources of a project.",
    "plan": "Show what would change.",
    "policy": "What policies would say of an export.",
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

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does; an unknown name with the one that was probably meant."""
        try:
            return super().resolve_command(ctx, args)
        except click.UsageError as error:
            raise click.UsageError(f"No such command '{args[0]}'.{_near(args[0])}", ctx) from error

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """Names with what they do, without importing a command's module, and options."""
        from click.shell_completion import CompletionItem

        names = [CompletionItem(name, help=COMMANDS[name]) for name in sorted(COMMANDS) if name.startswith(incomplete)]
        return [*names, *click.Command.shell_complete(self, ctx, incomplete)]

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list in `--help`, from the table above."""
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


def _near(name: str) -> str:
    from reconciler.diagnostics import did_you_mean

    return did_you_mean(name, COMMANDS)


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="reconcile", message="%(prog)s %(version)s")
@click.option(
    "-C",
    "directory",
    metavar="DIR",
    type=click.Path(exists=True, file_okay=False),
    help="The project directory. Default: here, or the nearest parent that has a Project.",
)
@click.option(
    "--log-format",
    type=click.Choice(get_args(LogForm)),
    default="text",
    show_default=True,
    help="How progress and errors are written to stderr; json is one object a line, for machines.",
)
@click.pass_context
def reconcile(ctx: click.Context, directory: str | None, log_format: LogForm) -> None:
    """Prospect-audience exports as code: declared in YAML, reviewed as a plan, exported when due, each slot once."""
    console = ctx.obj if isinstance(ctx.obj, Console) else Console(log_format)
    ctx.obj = Here(directory, console)


def main(arguments: Sequence[str] | None = None) -> None:
    """Runs the command line and ends the process with the exit code of `run`."""
    if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
        signal.signal(signal.SIGTERM, terminated)
    # Reading a large configuration makes many objects and no garbage; looking for it every 700 takes a third of the time.
    gc.set_threshold(50_000, 20, 20)
    kept_to_the_end(reads=2)  # the configuration and the ledger
    # Code of other packages has no say in what is valid, and isn't searched for.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line; returns the exit code: see `reconciler.cli.exits`; 130 or 143 where a signal ended it. Errors that
    are meant for people never show a traceback."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    console = Console(_log_format(given))
    code = _called(given, console)
    if console.failure is not None:
        reason = console.failure.strerror or "unknown error"
        console.say(f"Failed: what was to be shown could not be written: {reason}", "error", "error", detail=reason)
        return code or exits.FAILED
    return code


def _called(arguments: list[str], console: Console) -> int:
    try:
        code = reconcile.main(args=arguments, prog_name="reconcile", standalone_mode=False, obj=console)
    except click.Abort:
        console.say("Interrupted.", "interrupted", "error")
        return exits.SIGNALLED + signal.SIGINT
    except Terminated:
        console.say("Terminated.", "interrupted", "error")
        return exits.SIGNALLED + signal.SIGTERM
    except Stopped as stopped:
        console.say(f"Stopped. Next: {stopped.then}", "interrupted", "error", exitCode=stopped.exit_code)
        return stopped.exit_code
    except click.ClickException as error:
        return _usage(error, console)
    except Exception as error:
        return _failed(error, console)
    return code if isinstance(code, int) else exits.DONE


def _log_format(arguments: list[str]) -> LogForm:
    """As the options before the command say; known before they are parsed, since that may be what goes wrong."""
    for at, each in enumerate(arguments):
        if each == "--log-format=json" or (each == "--log-format" and arguments[at + 1 : at + 2] == ["json"]):
            return "json"
        if each in COMMANDS:
            break
    return "text"


def _usage(error: click.ClickException, console: Console) -> int:
    if console.form == "text":
        error.show()
    else:
        fields = {"summary": "wrong usage", "detail": error.format_message(), "exitCode": exits.USAGE}
        console.event("error", "error", code=None, **fields)
    return exits.USAGE if isinstance(error, click.UsageError) else error.exit_code


def _failed(error: Exception, console: Console) -> int:
    from reconciler.errors import ReconcilerError, unexpected
    from reconciler.present.words import inert

    if isinstance(error, ReconcilerError):
        console.error(error)
        return error.exit_code
    if isinstance(error, OSError) and error.strerror:
        where = f": {inert(os.fsdecode(error.filename))}" if isinstance(error.filename, str | bytes) else ""
        console.say(f"Failed: {error.strerror}{where}", "error", "error", detail=f"{error.strerror}{where}")
        return exits.FAILED
    console.error(unexpected(error))
    return exits.FAILED
