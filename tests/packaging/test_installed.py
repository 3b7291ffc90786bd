"""The built wheel, installed into an environment of its own, works outside of the checkout.

Dependencies come from the environment that runs the tests, by a path file: nothing is downloaded. What the base
install lacks is hidden from imports, by the wheel's own metadata.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HIDE = """
import sys
from importlib.machinery import PathFinder

class Hiding(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {hidden!r} else super().find_spec(name, path, target)

sys.meta_path[sys.meta_path.index(PathFinder)] = Hiding
"""


@dataclass(frozen=True)
class Installed:
    """An environment with the wheel in it."""

    folder: Path
    hidden: Path | None = None

    def __call__(self, *arguments: str, cwd: Path, code: int = 0) -> str:
        """Runs the installed `reconcile`; returns what it says on stdout."""
        command = [str(self.folder / "bin" / "reconcile"), *arguments]
        return self.run(command, cwd, code)

    def run(self, command: list[str], cwd: Path, code: int = 0) -> str:
        """Runs a command without the checkout on any path."""
        env: Mapping[str, str] = {
            "PATH": os.environ["PATH"],
            "HOME": str(cwd),
            **({"PYTHONPATH": str(self.hidden)} if self.hidden else {}),
        }
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == code, done.stderr
        assert "Traceback" not in done.stderr
        return done.stdout


def build(source: Path, target: str, out: Path) -> Path:
    """Builds an sdist or a wheel with the backend that pyproject.toml names, without isolation."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", target, "-d", str(out)]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)
    (built,) = out.iterdir()
    return built


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(ROOT, "wheel", tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    folder = tmp_path_factory.mktemp("venv") / "env"
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    command = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    (site,) = folder.glob("lib/*/site-packages")
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib"))
    return Installed(folder)


@pytest.fixture(scope="module")
def base(installed: Installed, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The same, where only what the wheel requires without extras can be imported."""
    needed = set(_closure(_requirements(next(installed.folder.glob("lib/*/site-packages")))))
    hidden = {
        module
        for module, names in metadata.packages_distributions().items()
        if module != "reconciler" and not {_normal(name) for name in names} & needed
    }
    assert {"polars", "pyarrow", "boto3", "botocore", "isal", "duckdb", "zstandard", "pytest"} <= hidden
    assert not {"click", "pydantic", "yaml", "ruamel", "sqlglot", "jsonschema"} & hidden
    folder = tmp_path_factory.mktemp("hidden")
    (folder / "sitecustomize.py").write_text(HIDE.format(hidden=hidden))
    return Installed(installed.folder, folder)


def test_the_checkout_is_not_what_runs(installed: Installed, tmp_path: Path) -> None:
    code = "import reconciler; print(reconciler.__file__)"
    found = installed.run([str(installed.folder / "bin" / "python"), "-c", code], tmp_path)
    assert Path(found.strip()).is_relative_to(installed.folder)


def test_from_a_new_project_to_an_export(installed: Installed, tmp_path: Path) -> None:
    assert installed("--version", cwd=tmp_path) == f"reconcile {metadata.version('reconciler')}\n"
    installed("init", "shop", cwd=tmp_path)
    shop = tmp_path / "shop"
    assert installed("validate", cwd=shop).startswith("Valid:")
    assert "FIRST EXPORT" in installed("plan", cwd=shop)
    installed("apply", "--yes", cwd=shop)
    installed("export", "outbox/us-high-intent", cwd=shop)
    assert list((shop / "out").rglob("part-*.csv.gz"))
    installed("init", "lake", "--from", "shop/data/prospects", cwd=tmp_path)
    assert installed("validate", cwd=tmp_path / "lake").startswith("Valid:")


def test_the_base_install_reviews_a_project(base: Installed, tmp_path: Path) -> None:
    """All that a pull request needs; what it doesn't have says how to get it."""
    assert base("--version", cwd=tmp_path).startswith("reconcile ")
    base("init", "shop", cwd=tmp_path)
    shop = tmp_path / "shop"
    assert base("validate", cwd=shop).startswith("Valid:")
    assert "FIRST EXPORT" in base("plan", cwd=shop)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.com"]
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "x"]):
        base.run([*git, *command], shop)
    assert "Nothing" in base("plan", "--base", "HEAD", cwd=shop)
    for command in (["schema"], ["catalog"], ["list", "flows"], ["explain", "R101"]):
        assert base(*command, cwd=shop)
    base("validate", cwd=ROOT / "examples" / "s3")
    found = subprocess.run(
        [str(base.folder / "bin" / "reconcile"), "apply", "--yes"],
        cwd=shop,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(base.hidden)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert found.returncode == 1
    assert "pip install 'reconciler[export]'" in found.stderr


def test_the_version_costs_nothing(base: Installed, tmp_path: Path) -> None:
    """Standard library and click: nothing that reads, checks or parses."""
    code = (
        "import sys; from reconciler.cli.main import run; run(['--version']); "
        "print(sorted({name.partition('.')[0] for name in sys.modules} - set(sys.stdlib_module_names)))"
    )
    found = base.run([str(base.folder / "bin" / "python"), "-c", code], tmp_path)
    loaded = found.splitlines()[1]
    assert not {"pydantic", "sqlglot", "jsonschema", "yaml", "ruamel"} & set(re.findall(r"'(\w+)'", loaded)), loaded


def test_the_wheel_holds_the_schemas_and_nothing_of_the_checkout_else(wheel: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    schemas = {f"reconciler/schemas/v1/{path.name}" for path in (ROOT / "schemas" / "v1").glob("*.json")}
    assert schemas <= names
    assert {name.split("/")[0] for name in names} == {
        "reconciler",
        f"reconciler-{metadata.version('reconciler')}.dist-info",
    }
    assert any(name.endswith("licenses/LICENSE") for name in names)
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "reconciler").rglob("*.py")}
    assert modules == {name for name in names if name.endswith(".py")}


def test_the_sdist_builds_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    sdist = build(ROOT, "sdist", tmp_path / "sdist")
    shutil.unpack_archive(sdist, tmp_path / "source")
    (source,) = (tmp_path / "source").iterdir()
    again = build(source, "wheel", tmp_path / "again")
    assert set(_content(again)) == set(_content(wheel))


def _content(wheel: Path) -> Iterator[tuple[str, int]]:
    for each in zipfile.ZipFile(wheel).infolist():
        if not each.filename.endswith("RECORD"):
            yield each.filename, each.CRC


def _requirements(site: Path) -> list[str]:
    (found,) = metadata.distributions(name="reconciler", path=[str(site)])
    return found.requires or []


def _closure(requirements: list[str], seen: frozenset[str] = frozenset()) -> Iterator[str]:
    """Names of all distributions that are required without extras."""
    for each in requirements:
        name = _normal(re.split(r"[\s\[<>=!~;(]", each)[0])
        if "extra ==" in each or name in seen:
            continue
        yield name
        try:
            inner = metadata.requires(name) or []
        except metadata.PackageNotFoundError:  # for another platform
            continue
        yield from _closure(inner, seen | {name})


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
