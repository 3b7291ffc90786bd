"""Measures the product and its peers on the same work, in turns, in one call. Ratios matter, seconds don't.

    python -m bench                                    # small sizes
    python -m bench --rows 10000000 --documents 10000 --diff-rows 20000000
    python -m bench --only exports many --rounds 5

Stops with an error when outputs of one round don't hold the same rows.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from bench import control, diff, exports, increment, many, table
from bench.measuring import ROOT, DifferentRows, Job, Result, ask, rounds

PEERS = ROOT / ".venv-peers" / "bin" / "python"
WORKS = ("exports", "many", "increment", "diff", "control")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="bench", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rows", type=int, default=200_000, help="of the dataset that is exported (default: 200000)")
    parser.add_argument("--diff-rows", type=int, help="of the dataset that is compared (default: as --rows)")
    parser.add_argument("--documents", type=int, default=1000, help="of the configuration (default: 1000)")
    parser.add_argument("--audiences", type=int, default=50, help="over one dataset (default: 50)")
    parser.add_argument("--rounds", type=int, default=3, help="of which medians are taken (default: 3)")
    parser.add_argument(
        "--memory", default="512MiB", help="limit of the comparison, ours and DuckDB's (default: 512MiB)"
    )
    parser.add_argument("--only", nargs="+", choices=WORKS, default=WORKS, help="some of the works (default: all)")
    parser.add_argument(
        "--folder", type=Path, help="for data and outputs; removed at the end (default: in the system's own)"
    )
    parser.add_argument("--out", type=Path, default=Path("bench.md"), help="the table as Markdown (default: bench.md)")
    parser.add_argument("--check-jsonschema", default=shutil.which("check-jsonschema"), help="if it isn't on PATH")
    parser.add_argument(
        "--peers-python", type=Path, default=PEERS, help="interpreter that has dlt (default: that of make bench-peers)"
    )
    asked = parser.parse_args()
    asked.diff_rows = asked.diff_rows or asked.rows
    load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="reconciler-bench-", dir=asked.folder) as name:
        folder = Path(name)
        _generate("exports", folder / "people", {"rows": asked.rows})
        limits = ask({"step": "limits", "module": "limits", "source": str(folder / "people")})
        results = []
        try:
            for result in _results(asked, folder):
                print(f"{result.work}: done", file=sys.stderr)
                results.append(result)
        except DifferentRows as error:
            raise SystemExit(str(error)) from error
    sizes = ("rows", "diff_rows", "documents", "audiences", "rounds", "memory")
    told = table.about({name: getattr(asked, name) for name in sizes}, load)
    asked.out.write_text(table.markdown(results, limits, told), "utf-8")
    print(table.text(results, limits, told))


def _results(asked: argparse.Namespace, folder: Path) -> Iterator[Result]:
    people, count = folder / "people", asked.rounds
    pythons = {"dlt": str(asked.peers_python)} if asked.peers_python.exists() else {}
    if "exports" in asked.only:
        for form, compression in exports.KINDS:
            title = f"export 30 % of {asked.rows:,} rows, {compression} {form}"
            options = {"format": form, "compression": compression}
            yield rounds(title, Job("exports", people, options, tuple(exports.PEERS), pythons), count)
    if "many" in asked.only:
        title = f"{asked.audiences} audiences over {asked.rows:,} rows, gzip parquet"
        yield rounds(title, Job("many", people, {"audiences": asked.audiences}, tuple(many.PEERS)), count)
    if "increment" in asked.only:
        _generate("increment", folder / "arriving", {"rows": asked.rows})
        title = f"increment: one file more than {increment.FILES}"
        yield rounds(title, Job("increment", folder / "arriving", {}, tuple(increment.PEERS)), count)
    if "diff" in asked.only:
        _generate("diff", folder / "changing", {"rows": asked.diff_rows})
        title = f"diff of {asked.diff_rows:,} keys, limit {asked.memory}"
        yield rounds(title, Job("diff", folder / "changing", {"memory": asked.memory}, tuple(diff.PEERS)), count)
    if "control" in asked.only:
        (folder / "control").mkdir()
        yield from control.measure(folder / "control", asked.documents, count, asked.check_jsonschema)


def _generate(module: str, source: Path, options: dict[str, int]) -> None:
    ask({"step": "generate", "module": module, "source": str(source), "options": options})


if __name__ == "__main__":
    main()
