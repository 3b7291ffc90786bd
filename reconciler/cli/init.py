"""`reconcile init`: a small project that is valid at once, over generated people or over data that is there."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import posixpath
import re
import shlex
import sys
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.console import coloured, style_for
from reconciler.present.words import inert, plural

if TYPE_CHECKING:
    from reconciler.datasets.infer import Found
    from reconciler.datasets.names import DataFormat
    from reconciler.starter.project import Starter

ROWS = 1_000
IGNORED = "# What exports write, and the local ledger.\n/out/\n/.reconcile/\n"
SAMPLE_COLUMNS = ("prospect_id", "email", "country", "intent_score")
NEXT = {"validate": "", "plan": "what an apply would do", "apply": ""}
_EXTENSIONS = re.compile(r"(\.(parquet|csv|jsonl?|ndjson|gz|zst))+$")


@click.command("init")
@click.argument("target", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path))
@click.option(
    "--from", "source", metavar="LOCATION", help="Data that is there: a folder, a file, or s3://BUCKET/PREFIX."
)
@click.option(
    "--to", "to", metavar="DESTINATION", help="With --from: a folder below DIR, an absolute one, or s3://BUCKET/PATH."
)
def command(target: Path, source: str | None, to: str | None) -> None:
    """Start a small working project.

    Without options: a local destination, a dataset over generated sample prospects, an audience, a schedule and an
    activation. DIR (default: here) must be empty or not there yet; a .git in it is fine.

    With --from: a project over that data. Format, columns and types come from Parquet footers, CSV headers and the
    beginnings of text files; S3 is read with the environment's credentials. Never overwrites anything.
    """
    folder = target.absolute()
    _refuse_inside_a_project(folder)
    if source is None:
        if to is not None:
            raise click.UsageError("--to says where data goes; --from LOCATION says which data.")
        _from_nothing(folder, target)
    else:
        _from_data(folder, target, source, to or "out")


def _from_nothing(folder: Path, shown: Path) -> None:
    from reconciler.datasets.infer_types import Column
    from reconciler.samples.generator import FLAT_COLUMNS
    from reconciler.starter.project import Data, Starter, Target
    from reconciler.values.types import parse_type

    if folder.exists() and any(name != ".git" for name in os.listdir(folder)):
        raise click.UsageError(f"{inert(str(shown))} isn't empty; nothing was written. Name a new directory.")
    form: DataFormat = "parquet" if importlib.util.find_spec("pyarrow") is not None else "csv"
    columns = tuple(Column(name, parse_type(kind)) for name, kind in FLAT_COLUMNS.items())
    about = f"The data: {ROWS:,} invented prospects. Only columns that are declared here can ever leave."
    starter = Starter(
        name=_name(folder.name),
        data=Data("prospects", "data/prospects", form, columns, about, settle="0s"),
        target=Target("outbox", "out", "csv"),
        audience="us-high-intent",
        where="country = 'US' AND intent_score >= 0.7",
        leaves=tuple((name, name) for name in SAMPLE_COLUMNS),
    )
    _write(folder, starter)
    _write_sample(folder / "data" / "prospects", form)
    click.echo(f"\n{ROWS:,} sample prospects are in data/prospects.")
    _say_what_is_next(folder, shown, starter)


def _write_sample(folder: Path, form: str) -> None:
    from reconciler.samples.files import write_csv, write_parquet
    from reconciler.samples.generator import prospects

    write = write_parquet if form == "parquet" else write_csv
    write(prospects(ROWS), folder / f"part-00000.{form}")


def _from_data(folder: Path, shown: Path, source: str, to: str) -> None:
    from reconciler.accounts.aws import ambient_session
    from reconciler.accounts.secrets import SecretSource
    from reconciler.datasets.infer import infer
    from reconciler.datasets.open import open_files

    location = _location(source, Path.cwd(), folder)
    if location == ".":
        raise click.UsageError("The data lies where the project would be. Name another DIR for the project.")
    session = ambient_session(SecretSource(folder, os.environ))
    found = infer(lambda form: open_files(location, form, timedelta(0), root=folder, session=lambda: session))
    region = session.region if location.startswith("s3://") else os.environ.get("AWS_REGION")
    starter = _over(found, folder, location, _location(to, folder, folder), region)
    _refuse_beside_yaml(folder, shown)
    _write(folder, starter)
    left_out = len(starter.data.left_out)
    declared = plural(len(starter.data.columns), "column")
    why = f", {left_out} not (datasets/{starter.data.name}.yaml says why)" if left_out else ""
    click.echo(f"\n{_amount(found)}: {declared} declared{why}.")
    _say_what_is_next(folder, shown, starter)


def _over(found: Found, folder: Path, location: str, to: str, region: str | None) -> Starter:
    from reconciler.starter.project import Data, Starter, Target, declarable, leaving

    columns, unfit = declarable(found.columns)
    if not columns:
        raise click.UsageError(f"No column of {inert(location)} can be declared; nothing was written.")
    bucket_or_path = to.removeprefix("s3://").partition("/")[0] if to.startswith("s3://") else to
    data = Data(
        _name(_EXTENSIONS.sub("", posixpath.basename(location.rstrip("/")).lower()), "data"),
        location,
        found.format,
        columns,
        _about(found),
        {**found.left_out, **unfit},
        found.delimiter,
    )
    return Starter(
        name=_name(folder.name),
        data=data,
        target=Target(_name(posixpath.basename(bucket_or_path.rstrip("/")), "out"), to, found.format),
        audience="everyone",
        where="TRUE",
        leaves=leaving(columns),
        region=region,
    )


def _about(found: Found) -> str:
    files = f"{_amount(found)} when this was written"
    looked = "" if found.looked == found.files else f"{found.looked:,} of them were looked into. "
    sampled = (
        "Types are those of the footers. "
        if found.format == "parquet"
        else "Types were sampled from the beginnings: a value that doesn't fit stops an export and is found by its "
        "line; then declare the column as string. "
    )
    return f"The data: {files}. {looked}{sampled}Only columns that are declared here can ever leave."


def _amount(found: Found) -> str:
    from reconciler.present.words import size

    called = {"parquet": "Parquet", "csv": "CSV", "json": "JSON Lines"}[found.format]
    return f"{plural(found.files, f'{called} file')} ({size(found.size)})"


def _location(text: str, base: Path, project: Path) -> str:
    """A location as configuration names it: relative to the project if it is inside, else absolute."""
    if text.startswith("s3://"):
        return text
    if "://" in text.removeprefix("file://"):
        raise click.UsageError(f"{inert(text)}: only local paths and s3:// are read and written by this version.")
    path = Path(os.path.normpath(base / text.removeprefix("file://")))
    return path.relative_to(project).as_posix() if path.is_relative_to(project) else path.as_posix()


def _refuse_inside_a_project(folder: Path) -> None:
    from reconciler.config.files import find_project

    if (outer := find_project(folder)) is not None:
        raise click.UsageError(
            f"There is a project in {inert(str(outer))} already; nothing was written. "
            "A project can't lie in another: its files would be read as part of both."
        )


def _refuse_beside_yaml(folder: Path, shown: Path) -> None:
    from reconciler.config.files import Directory, by_default

    if folder.exists() and (there := [name for name in Directory(folder).names(hidden=False)[0] if by_default(name)]):
        raise click.UsageError(
            f"{inert(str(shown))} holds YAML already ({inert(there[0])}), which would be read as part of the "
            "project; nothing was written. Name a new directory."
        )


def _write(folder: Path, starter: Starter) -> None:
    """Writes the project, unless what was written isn't valid: then nothing stays, and the findings are shown."""
    from reconciler.config.load import load
    from reconciler.present.diagnostics import as_text
    from reconciler.starter.text import files

    texts = files(starter)
    if not (folder / ".gitignore").exists():
        texts[".gitignore"] = IGNORED
    with _never_over(folder, texts):
        found = load(folder)
        if found.diagnostics:
            style = style_for(sys.stderr)
            text = as_text(found.diagnostics, found.files, files=len(found.files), style=style)
            click.echo(text, err=True, nl=False, color=coloured(sys.stderr))
            click.echo("Such a project isn't valid, so nothing was written.", err=True)
            raise click.exceptions.Exit(3)
    for name in texts:
        click.echo(f"  + {name}")


@contextlib.contextmanager
def _never_over(folder: Path, texts: Mapping[str, str]) -> Iterator[None]:
    from reconciler.starter.write import written

    try:
        with written(folder, texts):
            yield
    except FileExistsError as error:
        raise click.UsageError(f"{inert(str(error.filename))} is there already; nothing was written.") from error


def _say_what_is_next(folder: Path, shown: Path, starter: Starter) -> None:
    flow = f"{starter.target.name}/{starter.audience}"
    steps = NEXT | {f"export {flow}": "now; `reconcile run`, from cron or CI, exports each night"}
    width = max(map(len, steps)) + 2
    click.echo("\nNext:\n")
    if folder != Path.cwd():
        click.echo(f"  cd {shlex.quote(inert(str(shown)))}")
    for step, why in steps.items():
        click.echo(f"  reconcile {step:<{width}}# {why}" if why else f"  reconcile {step}")


def _name(text: str, otherwise: str = "project") -> str:
    """A folder's or bucket's name as a resource's name."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower())[:63].strip("-") or otherwise
