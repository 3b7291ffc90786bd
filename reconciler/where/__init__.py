"""Expressions: SQL text to a checked tree of our own. No engine here, and the SQL parser is imported when needed.

Most expressions are plain and read without it (`quick.py`); whatever else there is, and all that is wrong, is its to judge.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from reconciler.values.types import ColumnType
from reconciler.where.problems import Problem, Refused, problem
from reconciler.where.tree import Tree

__all__ = ["Checked", "Problem", "Tree", "check"]
MAX_PROBLEMS = 20


@dataclass(frozen=True, slots=True)
class Checked:
    """A sound expression: its typed tree, and the `paths` that it reads of columns.

    A path is `("address", "city")` for a field, `("email",)` for a whole column.
    """

    tree: Tree
    paths: frozenset[tuple[str, ...]]

    @property
    def text(self) -> str:
        """The canonical text."""
        from reconciler.where.text import canonical

        return canonical(self.tree)

    @property
    def columns(self) -> frozenset[str]:
        """The names of the columns that are read, in whole or in part."""
        return frozenset(path[0] for path in self.paths)


def check(text: str, columns: Mapping[str, ColumnType], *, dataset: str = "") -> Checked | tuple[Problem, ...]:
    """Reads and checks a condition over `columns`; `dataset` names it in messages.

    Problems come in the text's order.
    """
    from reconciler.where.quick import quick_tree
    from reconciler.where.size import surely_small, too_large
    from reconciler.where.typecheck import Checker

    plain = quick_tree(text, columns)
    if plain is not None:
        checker = Checker(columns, dataset)
        tree = checker.condition(plain, "R206")
        small = surely_small(text) and not checker.computes
        if not checker.problems and (small or not too_large(tree)):
            return Checked(tree, frozenset(checker.used))
    return _by_parser(text, columns, dataset)


def _by_parser(text: str, columns: Mapping[str, ColumnType], dataset: str) -> Checked | tuple[Problem, ...]:
    """The same by way of the SQL parser, for any text; it knows where everything stands."""
    from reconciler.where.allow import allowed
    from reconciler.where.parse import parse
    from reconciler.where.size import too_large
    from reconciler.where.typecheck import Checker

    try:
        found = allowed(parse(text, columns), text)
    except Refused as refused:
        return (refused.problem,)
    if isinstance(found, list):
        return tuple(sorted(found, key=lambda each: each.offset)[:MAX_PROBLEMS])
    checker = Checker(columns, dataset)
    tree = checker.condition(found, "R206")
    if checker.problems:
        return tuple(sorted(checker.problems, key=lambda each: each.offset)[:MAX_PROBLEMS])
    if too_large(tree):
        detail = "It grows too large for an engine: what stands in ROUND, TRY_CAST, CASE or % is needed several times."
        return (problem("R205", tree.at, f"{detail} Nest these less, or prepare a column in the dataset."),)
    return Checked(tree, frozenset(checker.used))
