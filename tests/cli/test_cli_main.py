"""Exit codes, errors without tracebacks, and what stays unloaded."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from reconciler.cli import main
from reconciler.errors import Conflict, OutcomeUnknown, ReconcilerError, Refused
from reconciler.version import __version__
from tests.cli.support import Reconcile, in_a_process

HEAVY = ("pydantic", "sqlglot", "polars", "boto3", "botocore", "pyarrow", "jsonschema", "yaml", "ruamel.yaml")
LOADED = """
import json, sys
from reconciler.cli.main import run
code = run(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""


def modules(*arguments: str) -> set[str]:
    """What is loaded after a command."""
    done = subprocess.run([sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True)
    code, names = json.loads(done.stderr.splitlines()[-1])
    assert code == 0
    return set(names)


@pytest.mark.parametrize("arguments", [("--version",), ("--help",)])
def test_little_is_imported_for(arguments: tuple[str, ...]) -> None:
    loaded = modules(*arguments)
    assert loaded.isdisjoint(HEAVY)
    ours = {name for name in loaded if name.startswith("reconciler")}
    assert ours == {
        "reconciler",
        "reconciler.version",
        "reconciler.cli",
        "reconciler.cli.main",
        "reconciler.cli.console",
        "reconciler.cli.exits",
        "reconciler.cli.here",
        "reconciler.cli.signals",
        "reconciler.collecting",
    }


def test_the_version_is_said_before_anything_is_imported(tmp_path: Path) -> None:
    code = (
        "import runpy, sys; sys.argv = ['reconcile', '--version']\n"
        "runpy.run_module('reconciler', run_name='__main__'); print('click' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f"reconcile {__version__}\nFalse\n"


def test_validating_needs_no_engine_and_no_cloud(sample: Path) -> None:
    loaded = modules("-C", str(sample), "validate")
    assert "pydantic" in loaded
    assert loaded.isdisjoint({"polars", "pyarrow", "boto3", "botocore", "isal"})
    assert loaded.isdisjoint({"apprise", "cloudevents", "opentelemetry", "prometheus_client", "requests"})


def test_version(tmp_path: Path) -> None:
    found = in_a_process("--version", folder=tmp_path)
    assert (found.code, found.out, found.err) == (0, f"reconcile {__version__}\n", "")


@pytest.mark.parametrize("name", main.COMMANDS)
def test_the_list_of_commands_says_what_their_help_says(name: str, reconcile: Reconcile) -> None:
    found = reconcile(name, "--help")
    assert found.code == 0
    assert main.COMMANDS[name] in " ".join(found.out.split())
    assert main.COMMANDS[name] in reconcile("--help").out


def test_a_mistyped_command_is_named(reconcile: Reconcile) -> None:
    for wrong, meant in (("staus", " Did you mean status?"), ("plann", " Did you mean plan?"), ("destroy", "")):
        found = reconcile(wrong)
        assert found.code == 64
        assert f"No such command '{wrong}'.{meant}\n" in found.err


def test_every_command_is_in_the_list() -> None:
    files = {path.stem for path in Path(main.__file__).parent.glob("*.py")}
    shared = {"__init__", "main", "here", "console", "options", "exits", "signals", "work", "progress"}
    assert files - shared == set(main.COMMANDS)


@pytest.mark.parametrize(
    "arguments",
    [("nope",), ("validate", "--nope"), ("validate", "--format", "xml"), ("explain",), ("-C", "/nope", "validate")],
)
def test_wrong_usage_is_64(arguments: tuple[str, ...], reconcile: Reconcile) -> None:
    found = reconcile(*arguments)
    assert found.code == 64
    assert found.out == ""
    assert "Usage: reconcile" in found.err


def raising(error: BaseException, monkeypatch: pytest.MonkeyPatch) -> None:
    @click.command("validate")
    def command() -> None:
        raise error

    monkeypatch.setattr("reconciler.cli.validate.command", command)


@pytest.mark.parametrize(("kind", "code"), [(Refused, 4), (Conflict, 5), (OutcomeUnknown, 75), (ReconcilerError, 1)])
def test_errors_end_with_their_classes_code(
    kind: type[ReconcilerError], code: int, reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch
) -> None:
    raising(kind("E001", "something is off", "This\x1b[2J is \u202ewhy.\nMend it."), monkeypatch)
    found = reconcile("validate")
    assert found.code == code
    assert found.err == "E001 something is off · reconcile explain E001\n  This<U+001B>[2J is <U+202E>why. Mend it.\n"


def test_an_unexpected_error_is_shown_without_its_text(reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(ValueError("ada@example.com"), monkeypatch)
    found = reconcile("validate")
    assert found.code == 1
    assert "ValueError" in found.err
    assert "ada@example.com" not in found.err
    assert found.err.startswith("E002 an unexpected failure · reconcile explain E002\n")
    assert "reconciler.cli.main:" in found.err


def test_an_error_of_the_system_names_the_file(reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(PermissionError(13, "Permission denied", "out/a"), monkeypatch)
    assert reconcile("validate").err == "Failed: Permission denied: out/a\n"


def test_an_interrupt_is_130(reconcile: Reconcile, monkeypatch: pytest.MonkeyPatch) -> None:
    raising(KeyboardInterrupt(), monkeypatch)
    found = reconcile("validate")
    assert found.code == 130
    assert "Traceback" not in found.err


def test_outside_of_a_project_it_says_what_to_do(tmp_path: Path) -> None:
    found = in_a_process("validate", folder=tmp_path)
    assert found.code == 3
    assert found.err.startswith("P109 no project here · reconcile explain P109\n")
    assert "reconcile init" in found.err


def test_the_nearest_project_is_found_from_below(sample: Path) -> None:
    (sample / "a" / "b").mkdir(parents=True)
    found = in_a_process("validate", folder=sample / "a" / "b")
    assert (found.code, found.err) == (0, "")
    assert found.out.startswith("Valid: ")
