"""What a Project's `engine` says reaches what computes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from reconciler.api.wiring import Wiring
from reconciler.config.project import find_ledger
from reconciler.export.budget import Budget
from reconciler.export.polars_engine import PolarsEngine
from reconciler.export.winners import spilling
from reconciler.resources.project import EngineSpec
from tests.config.support import codes, document, write

ROOT = Path(__file__).resolve().parents[2]


def engine(folder: Path, spec: str) -> PolarsEngine:
    write(folder, {"reconcile.yaml": document("Project", "growth", spec)})
    made = Wiring(folder, find_ledger(folder))._engine()
    assert isinstance(made, PolarsEngine)
    return made


def test_what_is_declared_is_what_the_engine_gets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("POLARS_MAX_THREADS", "7")
    assert engine(tmp_path, "{}").budget == Budget(2**30, None)
    assert os.environ["POLARS_MAX_THREADS"] == "7", "auto leaves to the libraries what they do"
    assert engine(tmp_path, "{engine: {memory: 512MiB, threads: 3}}").budget == Budget(512 * 2**20, 3)
    assert os.environ["POLARS_MAX_THREADS"] == "3"


@pytest.mark.parametrize("memory", ["256MiB", "300MiB", "1GiB", "2048MiB"])
def test_the_parts_leave_room(memory: str) -> None:
    budget = Budget(EngineSpec(memory=memory).bytes)
    assert budget.part < budget.ahead
    assert budget.ahead + budget.values * 8 <= budget.memory * 3 // 4
    assert budget.keys + budget.values * 8 <= budget.memory * 3 // 4


@pytest.mark.parametrize(
    "engine", ["{memory: 255MiB}", "{memory: 1GB}", "{memory: 0GiB}", "{threads: 0}", "{threads: all}"]
)
def test_what_cannot_be(tmp_path: Path, engine: str) -> None:
    from reconciler.config.invalid import NotValid

    write(tmp_path, {"reconcile.yaml": document("Project", "growth", f"{{engine: {engine}}}")})
    with pytest.raises(NotValid) as caught:
        find_ledger(tmp_path)
    assert codes(caught.value.diagnostics)


def test_the_database_that_compares_keys_keeps_to_both() -> None:
    with tempfile.TemporaryDirectory() as folder:
        database = spilling(Path(folder), Budget(2**30).keys, 1)
        found = database.execute("SELECT current_setting('threads'), current_setting('memory_limit')").fetchone()
        database.close()
    assert found == (1, "256.0 MiB")


def test_readers_are_no_more_than_threads() -> None:
    assert (Budget(threads=1).workers, Budget(threads=64).workers) == (1, 4)


def test_the_command_tells_polars_before_it_is_loaded(tmp_path: Path) -> None:
    write(tmp_path, {"reconcile.yaml": document("Project", "growth", "{engine: {threads: 3}}")})
    program = """
import json, sys
from reconciler.cli.console import Console
from reconciler.cli.here import Here
from reconciler.cli.work import working
with working(Here(sys.argv[1], Console()), None, "run"):
    import polars
    print(json.dumps(polars.thread_pool_size()))
"""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    environment.pop("POLARS_MAX_THREADS", None)
    told = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], env=environment, check=True, capture_output=True, text=True
    ).stdout
    assert json.loads(told) == 3
