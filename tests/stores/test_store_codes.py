"""What stores, accounts and the engine raise of theirs is in the catalogue under the same summary, and the other way round."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import reconciler
from reconciler.codes.accounts import ACCOUNT_CODES
from reconciler.codes.ledger import STORE_CODES
from reconciler.diagnostics import CODES

FOLDERS = ("stores", "accounts", "export")
SUMMARISED = ("account_failure", "_missing")
"""Functions that take the summary from the catalogue: what they are given beside the code is a detail."""


def raised() -> set[tuple[str, str]]:
    """(code, summary) of every call with two such literals side by side."""
    root = Path(reconciler.__file__).parent
    found = set()
    alone = (root / "ledger" / "store.py", root / "destinations" / "azure_answers.py")
    for path in (*alone, *(path for folder in FOLDERS for path in (root / folder).glob("*.py"))):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in SUMMARISED:
                codes = [each.value for each in ast.walk(node.args[0]) if isinstance(each, ast.Constant)]
                found |= {(code, CODES[code].summary) for code in codes if isinstance(code, str) and code in CODES}
            elif isinstance(node, ast.Call) and len(node.args) >= 2:
                code, summary = (arg.value if isinstance(arg, ast.Constant) else None for arg in node.args[:2])
                if not isinstance(code, str) or not isinstance(summary, str):
                    continue
                # What ends in a full stop is a detail, given to a function that knows the summary.
                if re.fullmatch(r"[A-Z]\d{3}", code) and not summary.endswith("."):
                    found.add((code, summary))
            if isinstance(node, ast.Dict):
                for key, value in zip(node.keys, node.values, strict=True):
                    if (
                        isinstance(key, ast.Constant)
                        and isinstance(value, ast.Constant)
                        and key.value in ("A101", "A102")
                    ):
                        found.add((str(key.value), str(value.value)))
    return found


def test_catalogue_and_code_say_the_same() -> None:
    theirs = {(code.code, code.summary) for code in (*STORE_CODES, *ACCOUNT_CODES)}
    found = {pair for pair in raised() if pair[0][0] in "LA"}
    assert theirs <= found, "in the catalogue and never raised"
    assert found <= {(code.code, code.summary) for code in CODES.values()}, "raised and not in the catalogue"
