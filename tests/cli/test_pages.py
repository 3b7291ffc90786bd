"""Pages that list what code declares: dependencies and commands."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

from reconciler.cli.main import COMMANDS

ROOT = Path(__file__).parents[2]


def test_each_dependency_has_its_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    extras = project["project"]["optional-dependencies"]
    declared = [*project["project"]["dependencies"], *project["dependency-groups"]["dev"]]
    declared += [each for extra in extras.values() for each in extra]
    names = {re.split(r"[\[<>=]", each)[0] for each in declared} - {project["project"]["name"]}
    page = (ROOT / "docs" / "dependencies.md").read_text("utf-8")
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| ")]
    listed = {name.strip() for cell in cells for name in cell.split(",")} - {"package", "---"}
    assert listed == names


def test_the_readme_lists_exactly_the_commands_there_are() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    table = readme.partition("\n## Commands\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)", table, re.MULTILINE)) == set(COMMANDS)
