"""What pages say can be pasted, followed and found."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import click
import pytest

from reconciler.cli.main import COMMANDS, reconcile
from tests.cli.support import in_a_process

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")
PAGES = sorted(
    [*ROOT.glob("*.md"), *(page for at in ("docs", "examples", "tests") for page in (ROOT / at).rglob("*.md"))]
)
CODE = re.compile(r"`([^`\n]+)`|^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
PLACE = re.compile(r"`((?:reconciler|scripts|tests|examples|schemas|bench|[a-z]+)/[\w./-]+\.(?:py|md|yaml|lock|toml))`")


def blocks(language: str) -> list[str]:
    found = re.findall(r"^```(\w*)\n(.*?)^```$", README, re.MULTILINE | re.DOTALL)
    return [text for of, text in found if of == language]


def test_the_readmes_commands_can_be_pasted(tmp_path: Path) -> None:
    targets = set(re.findall(r"^make (\w+)", blocks("sh")[0], re.MULTILINE))
    assert targets == {"demo", "test"}
    assert targets <= set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    tool = tmp_path / ".venv" / "bin" / "reconcile"
    tool.parent.mkdir(parents=True)
    tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m reconciler "$@"\n')
    tool.chmod(0o755)
    env = {"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT), "HOME": str(tmp_path)}
    done = subprocess.run(
        ["bash", "-e", "-c", blocks("sh")[1]], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert list((tmp_path / "shop" / "out").rglob("part-*.csv.gz"))


def test_the_readme_shows_the_plan_and_the_mistake_as_they_are(tmp_path: Path) -> None:
    plan, mistake = blocks("")
    in_a_process("init", "shop", folder=tmp_path)
    shop = tmp_path / "shop"
    assert in_a_process("plan", "--at", "2026-11-30T09:30Z", folder=shop).out == plan
    activation = shop / "activations" / "nightly.yaml"
    activation.write_text(activation.read_text().replace("us-high-intent", "us-high-intant"))
    found = in_a_process("validate", folder=shop)
    assert mistake in (found.out, found.err)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_and_files_are_there(page: Path) -> None:
    text = page.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#\s]+)\)", text):
        if "://" not in target:
            assert (page.parent / target).exists(), target
    for place in (each for each in PLACE.findall(text) if "NAME" not in each):
        assert any((folder / place).exists() for folder in (ROOT, ROOT / "reconciler", ROOT / "docs")), place


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_and_options_are_there(page: Path) -> None:
    context = click.Context(reconcile)
    for inline, block in CODE.findall(page.read_text("utf-8")):
        for name, rest in re.findall(r"(?:^|[/\s$])reconcile ([a-z]+)\b([^\n#|]*)", inline or block):
            assert name in COMMANDS, name
            command = reconcile.get_command(context, name)
            assert command is not None
            known = {"--help", *_options(command)}
            for option in re.findall(r"(?<!\S)--[a-z-]+", rest):
                assert option in known, f"{name} {option}"


def _options(command: click.Command) -> set[str]:
    """Of a command and of those in it."""
    found = {name for parameter in command.params for name in parameter.opts}
    if isinstance(command, click.Group):
        for inner in command.commands.values():
            found |= _options(inner)
    return found


def test_the_architecture_lists_the_floors_as_they_are_checked() -> None:
    """The page has a line for each floor of pyproject.toml, from the top."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["importlinter"]["contracts"]
    (layers,) = [each["layers"] for each in contracts if each["type"] == "layers"]
    checked = [{name.removeprefix("reconciler.") for name in layer.split(" | ")} for layer in layers]
    page = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page, re.MULTILINE)
    assert [set(re.findall(r"\w+", row)) for row in rows] == checked
