"""What a night costs: 1 % of new files after a full export, against the full export itself. Both are the product's, in gzipped Parquet.

A hundred files, and one more that arrives between the two. What each should have written is read from the data by DuckDB.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from bench import exports
from bench import rows as written
from bench.exports import load_product

FILES = 100
WHERE = "intent_score >= 0.7"


def generate(folder: Path, options: dict[str, Any]) -> None:
    """A hundred files and one."""
    rows = int(options["rows"])
    exports.generate(folder, {"rows": rows + -(-rows // FILES), "files": FILES + 1})


def _give(source: Path, out: Path, files: slice) -> None:
    (out / "data").mkdir(exist_ok=True)
    for path in sorted(source.iterdir())[files]:
        os.link(path, out / "data" / path.name)


def prepare_full(source: Path, out: Path, options: dict[str, Any]) -> None:
    """Declared and applied; a hundred files are there."""
    from reconciler.api.project import Project

    exports.declare(out, "data", {"some": WHERE}, "parquet", "gzip")
    _give(source, out, slice(0, FILES))
    opened = Project.open(out)
    opened.apply(opened.plan(), exports=False)


def prepare_increment(source: Path, out: Path, options: dict[str, Any]) -> None:
    """The full export is done, and a file has arrived."""
    from reconciler.api.project import Project

    prepare_full(source, out, options)
    Project.open(out).export("box/some")
    _give(source, out, slice(FILES, None))


def export(source: Path, out: Path, options: dict[str, Any]) -> list[str]:
    """What is new, from claim to record."""
    from reconciler.api.project import Project

    return [f"{Project.open(out).export('box/some').location}/part-*"]


def rows(peer: str, source: Path, where: list[str], options: dict[str, Any]) -> Any:
    """Whether what was written is what it should be: equal for both when it is."""
    files = sorted(source.iterdir())[slice(0, FILES) if peer == "the full export" else slice(FILES, None)]
    listed = "[" + ", ".join(f"'{path}'" for path in files) + "]"
    expected = written.in_query(f"(SELECT * FROM read_parquet({listed}) WHERE {WHERE})")
    (found,) = written.in_files(where, "parquet")
    return "as expected" if found == expected else {"expected": expected, "found": found}


PEERS = {
    "reconcile": (load_product, prepare_increment, export),
    "the full export": (load_product, prepare_full, export),
}
