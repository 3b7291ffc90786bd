"""Runs of child processes, in turns: what each took, its peak, and whether all wrote the same rows.

This process stays small on purpose: Linux lets a child's `ru_maxrss` begin with what its parent held.
"""

from __future__ import annotations

import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
OURS = "reconcile"


class DifferentRows(Exception):
    """The outputs of one round don't hold the same rows."""


@dataclass(frozen=True, slots=True)
class Run:
    """One run: seconds, peak megabytes (10⁶ bytes), and patterns of the files written."""

    seconds: float
    megabytes: float
    where: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Result:
    """All runs of a work, by peer and in the order of the rounds, and why other peers have none."""

    work: str
    runs: Mapping[str, Sequence[Run]]
    absent: Mapping[str, str] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True, slots=True)
class Job:
    """A work for peers to do: its module in this package, its data, and what its functions are told."""

    module: str
    source: Path
    options: Mapping[str, Any]
    peers: Sequence[str]
    pythons: Mapping[str, str] = field(default_factory=dict)  # the interpreter of a peer that has one of its own


def environment(**more: str) -> dict[str, str]:
    """As once it is installed: modules are kept compiled, which the peers' are."""
    return {**os.environ, **more} | {"PYTHONDONTWRITEBYTECODE": ""}


def ask(order: Mapping[str, Any], python: str = sys.executable) -> Any:
    """What `bench.worker` answers to an order, in a process of its own."""
    done = subprocess.run(
        [python, "-m", "bench.worker", json.dumps(order)],
        env=environment(PYTHONPATH=str(ROOT), RECONCILER_CACHE="off", BENCH_SECRET="only for measuring: 0123456789"),
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"{order.get('module')} {order.get('peer', order.get('step'))} failed:\n{done.stderr[-3000:]}")
    return json.loads(done.stdout.splitlines()[-1])


def rounds(title: str, job: Job, count: int) -> Result:
    """Every peer once a round, so that what else the machine does touches all alike. The rows are checked after each round.

    Raises `DifferentRows`.
    """
    runs: dict[str, list[Run]] = {}
    absent: dict[str, str] = {}
    for _ in range(count):
        with tempfile.TemporaryDirectory(dir=job.source.parent) as folder:
            turn = {}
            for peer in job.peers:
                if peer not in absent:
                    found = _once(job, peer, Path(folder))
                    if isinstance(found, str):
                        absent[peer] = found
                    else:
                        turn[peer] = found
            same(title, job, turn)
        for peer, run in turn.items():
            runs.setdefault(peer, []).append(run)
    return Result(title, runs, absent)


def _once(job: Job, peer: str, folder: Path) -> Run | str:
    """A run, or why there is none."""
    out = folder / peer.replace(" ", "-")
    out.mkdir()
    order = {"step": "work", "module": job.module, "peer": peer, "source": str(job.source), "out": str(out)}
    answer = ask({**order, "options": dict(job.options)}, job.pythons.get(peer, sys.executable))
    if "absent" in answer:
        return str(answer["absent"])
    return Run(answer["seconds"], answer["megabytes"], tuple(answer["where"]))


def same(title: str, job: Job, turn: Mapping[str, Run]) -> None:
    """Raises `DifferentRows` unless all runs of a round wrote the rows that they should."""
    outputs = {peer: run.where for peer, run in turn.items()}
    order = {"step": "rows", "module": job.module, "source": str(job.source), "outputs": outputs}
    found = ask({**order, "options": dict(job.options)})
    if len({json.dumps(pair) for pair in found.values()}) > 1:
        raise DifferentRows(f"{title}: the outputs don't hold the same rows: {json.dumps(found)[:2000]}")


def process(command: Sequence[str], given: Mapping[str, str]) -> Run:
    """A whole process, which must succeed: wall time from start to end, and its own `ru_maxrss`."""
    with tempfile.TemporaryFile() as said:
        started = time.perf_counter()
        child = subprocess.Popen(command, env=environment(**given), stdout=said, stderr=said)
        _, status, usage = os.wait4(child.pid, 0)
        taken = time.perf_counter() - started
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode != 0:
            said.seek(0)
            raise SystemExit(
                f"{command[:6]} ended with {child.returncode}:\n{said.read()[-3000:].decode(errors='replace')}"
            )
    return Run(taken, usage.ru_maxrss * 1024 / 1e6)


def ratio(runs: Mapping[str, Sequence[Run]], peer: str, against: str) -> float:
    """How many times as long as `against` a peer takes: the median of the rounds' ratios."""
    pairs = zip(runs[peer], runs[against], strict=True)
    return statistics.median(own.seconds / other.seconds for own, other in pairs)


def copy(source: Path, target: Path) -> None:
    """Linked, not copied: the data is only read."""
    shutil.copytree(source, target, copy_function=os.link)
