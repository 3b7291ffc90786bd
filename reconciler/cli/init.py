"""`reconcile init`: a small project that is valid at once, over generated people."""

from __future__ import annotations

import importlib.util
import io
import os
import re
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import click

from reconciler.cli.wiring import printable

if TYPE_CHECKING:
    from ruamel.yaml.comments import CommentedMap

ROWS = 1_000
IGNORED = "# What exports write, and the local ledger.\n/out/\n/.reconcile/\n"
NEXT_COMMANDS = ("validate", "plan", "apply")
Tree = Mapping[str, object]


@click.command("init")
@click.argument("target", metavar="[DIR]", default=".", type=click.Path(file_okay=False, path_type=Path))
def command(target: Path) -> None:
    """Start a small working project.

    Writes a project into DIR (default: here), which must be empty or not there yet (a .git in it is fine): a local
    destination, a dataset over generated sample prospects, an audience, a schedule and an activation.
    """
    if target.exists() and any(name != ".git" for name in os.listdir(target)):
        raise click.UsageError(f"{printable(str(target))} isn't empty; nothing was written. Name a new directory.")
    target.mkdir(parents=True, exist_ok=True)
    form = _write_sample(target)
    for name, (kind, resource, spec, comment) in _documents(target.absolute().name, form).items():
        path = target / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(_yaml(kind, resource, spec, comment), "utf-8")
        click.echo(f"  + {name}")
    (target / ".gitignore").write_text(IGNORED, "utf-8")
    click.echo(f"\n{ROWS:,} sample prospects are in data/prospects. Next:\n")
    if target.absolute() != Path.cwd():
        click.echo(f"  cd {shlex.quote(printable(str(target)))}")
    for each in NEXT_COMMANDS:
        if importlib.util.find_spec(f"reconciler.cli.{each}") is not None:
            click.echo(f"  reconcile {each}")


def _write_sample(target: Path) -> str:
    """Writes the sample as Parquet, or as CSV where pyarrow isn't installed; returns the dataset's format."""
    from reconciler.samples.files import write_csv, write_parquet
    from reconciler.samples.generator import prospects

    folder = target / "data" / "prospects"
    if importlib.util.find_spec("pyarrow") is not None:
        write_parquet(prospects(ROWS), folder / "part-00000.parquet")
        return "parquet"
    write_csv(prospects(ROWS), folder / "part-00000.csv")
    return "csv"


def _documents(folder: str, form: str) -> dict[str, tuple[str, str, Tree, str]]:
    """File name to kind, name, spec and the comment above it."""
    from reconciler.samples.generator import FLAT_COLUMNS

    columns = {name: {"type": kind} for name, kind in FLAT_COLUMNS.items()}
    dataset = {
        "location": "data/prospects",
        "format": form,
        "columns": columns,
        "incremental": {"strategy": "files", "settle": "0s"},
    }
    audience = {
        "dataType": "prospects",
        "dataset": "prospects",
        "where": "country = 'US' AND intent_score >= 0.7",
    }
    activation = {
        "destination": "outbox",
        "schedule": "nightly",
        "audiences": ["us-high-intent"],
        "columns": ["prospect_id", "email", "country", "intent_score"],
    }
    outbox = {"type": "local", "connection": {"path": "out"}, "format": {"type": "csv"}}
    nightly = {"frequency": "daily", "time": "02:00", "startDate": "2026-12-01"}
    return {
        "reconcile.yaml": ("Project", _name(folder), {}, "The ledger is kept in .reconcile/ledger."),
        "destinations/outbox.yaml": ("Destination", "outbox", outbox, "Where to: a folder of this project."),
        "datasets/prospects.yaml": ("Dataset", "prospects", dataset, "The data. New data comes in new files."),
        "audiences/us-high-intent.yaml": ("Audience", "us-high-intent", audience, "Who: a SQL condition."),
        "schedules/nightly.yaml": ("Schedule", "nightly", nightly, "When, in UTC."),
        "activations/nightly.yaml": ("Activation", "nightly", activation, "Who goes where, when, with which columns."),
    }


def _name(folder: str) -> str:
    """A folder's name as a resource's name."""
    return re.sub(r"[^a-z0-9]+", "-", folder.lower())[:63].strip("-") or "project"


def _yaml(kind: str, name: str, spec: Tree, comment: str) -> str:
    from ruamel.yaml import YAML

    from reconciler.resources.resource import API_VERSION

    document = _block({"apiVersion": API_VERSION, "kind": kind, "metadata": {"name": name}})
    if spec:
        document["spec"] = _block(spec)
    document.yaml_set_start_comment(comment)
    yaml = YAML()
    yaml.width = 120
    yaml.indent(mapping=2, sequence=4, offset=2)
    text = io.StringIO()
    yaml.dump(document, text)
    return text.getvalue()


def _block(data: Tree) -> CommentedMap:
    """A block of YAML whose innermost maps and lists stand on one line."""
    from ruamel.yaml.comments import CommentedMap, CommentedSeq

    block = CommentedMap()
    for key, value in data.items():
        match value:
            case dict():
                block[key] = _block(value)
                if not any(isinstance(each, dict | list) for each in value.values()):
                    block[key].fa.set_flow_style()
            case list():
                block[key] = CommentedSeq(value)
                block[key].fa.set_flow_style()
            case _:
                block[key] = value
    return block
