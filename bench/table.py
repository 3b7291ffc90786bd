"""The table, as text for a terminal and as Markdown."""

from __future__ import annotations

import os
import platform
import statistics
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version

from bench.measuring import OURS, Result, ratio

HEAD = ("work", "who", "median s", "× our time", "peak MB")
ENGINES = ("polars", "duckdb", "pyarrow", "isal")


def lines(results: Sequence[Result]) -> Iterator[tuple[str, ...]]:
    """A row for everyone who did a work or could have, and one for what else is to be said of it."""
    for result in results:
        work = result.work
        for who, runs in result.runs.items():
            took = statistics.median(run.seconds for run in runs)
            times = ratio(result.runs, who, OURS)
            yield work, who, f"{took:.3f}", f"{times:.2f}", f"{max(run.megabytes for run in runs):.0f}"
            work = ""
        for who, why in result.absent.items():
            yield work, f"{who}: {why}", "", "", ""
            work = ""
        if result.note:
            yield work, result.note, "", "", ""


def about(options: Mapping[str, object], load: float) -> str:
    """What was measured, on what. `load`: the machine's before anything was measured."""
    held = " · ".join(f"{name} {version(name)}" for name in ENGINES)
    cores = os.cpu_count() or 1
    busy = (
        f" The machine was busy with other work (load {load:.1f}): don't trust these figures."
        if load > cores / 2
        else ""
    )
    asked = ", ".join(f"{name} {value}" for name, value in options.items())
    return (
        f"{datetime.now(UTC):%Y-%m-%d}: {cores} cores, {platform.system()} {platform.machine()}, "
        f"Python {platform.python_version()} · {held}. Asked for: {asked}. Ratios are medians of the rounds' ratios, peaks maxima.{busy}"
    )


def text(results: Sequence[Result], limits: Mapping[str, float], told: str) -> str:
    """For a terminal."""
    rows = [HEAD, *lines(results)]
    wide = [max(len(row[at]) for row in rows if row[2]) for at in range(len(HEAD))]
    out = [told, ""]
    for row in rows:
        numbers = "  ".join(value.rjust(width) for value, width in zip(row[2:], wide[2:], strict=True))
        out.append(f"{row[0].ljust(wide[0])}  {row[1].ljust(wide[1])}  {numbers}".rstrip())
    return "\n".join([*out, "", *(f"{value:10.2f} {name}" for name, value in limits.items())]) + "\n"


def markdown(results: Sequence[Result], limits: Mapping[str, float], told: str) -> str:
    """For a file."""
    out = ["# Measured", "", told, "", f"| {' | '.join(HEAD)} |", "| --- | --- | ---: | ---: | ---: |"]
    out += [f"| {' | '.join(row)} |" for row in lines(results)]
    out += ["", "| this machine's limits | |", "| --- | ---: |"]
    out += [f"| {name} | {value:.2f} |" for name, value in limits.items()]
    return "\n".join(out) + "\n"
