"""From text to the SQL parser's tree. Everything that could be costly or foreign is refused before it parses.

The parser recurses by depth, so the depth is bounded on the tokens: brackets, and prefixes (`NOT NOT …`, `- - …`) in a
row. Tokens outside a short list are refused by name, so that it never enters the rest of its grammar.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING

from reconciler.where.problems import Problem, Refused, Span, problem, shown

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.tokenizer_core import Token

MAX_TEXT = 65_536
MAX_BRACKETS = 20  # the parser takes up to 30 frames of the stack for each
MAX_LEVELS = 60  # of our tree
MAX_TOKENS = 20_000
_PREFIXES = frozenset({"NOT", "DASH", "PLUS"})
_TOKENS = _PREFIXES | {
    "VAR", "IDENTIFIER", "STRING", "NUMBER", "L_PAREN", "R_PAREN", "COMMA", "EQ", "NEQ", "LT", "LTE", "GT", "GTE",
    "STAR", "DPIPE", "AND", "OR", "IN", "BETWEEN", "LIKE", "ILIKE", "IS", "NULL", "TRUE", "FALSE", "DATE", "TIMESTAMP",
}  # fmt: skip


def parse(text: str, columns: Collection[str]) -> exp.Expr:
    """The parser's tree. Raises Refused (R201, R202, R205)."""
    if len(text) > MAX_TEXT:
        raise Refused(problem("R205", Span(0, 1), f"It has {len(text):,} characters; {MAX_TEXT:,} are allowed."))
    from sqlglot import exp, parse_one
    from sqlglot.errors import ParseError, TokenError

    try:
        _check(_tokens(text), text, columns)
        return parse_one(text, into=exp.Condition)
    except TokenError:
        raise Refused(problem("R201", Span(0, len(text)), "A quote or a bracket isn't closed.")) from None
    except ParseError as error:
        raise Refused(_unreadable(error, text)) from None
    except RecursionError:
        raise Refused(
            problem("R205", Span(0, len(text)), f"Brackets and prefixes nest {MAX_BRACKETS} levels at most.")
        ) from None


def _tokens(text: str) -> list[Token]:
    from sqlglot import tokenize

    return list(tokenize(text))


def _check(tokens: list[Token], text: str, columns: Collection[str]) -> None:
    if not tokens:
        raise Refused(problem("R201", Span(0, len(text)), "It is empty. For all rows, write TRUE."))
    if len(tokens) > MAX_TOKENS:
        detail = f"It has {len(tokens):,} words and signs; {MAX_TOKENS:,} are allowed."
        raise Refused(problem("R205", Span(0, 1), detail))
    depth = prefixes = 0
    for token in tokens:
        at, kind = _span(token), token.token_type.name
        if token.comments:
            raise Refused(problem("R201", at, "Comments aren't allowed in where. Use a YAML comment (#) above it."))
        if kind not in _TOKENS:
            raise Refused(_foreign(token, at, columns))
        depth += (kind == "L_PAREN") - (kind == "R_PAREN")
        prefixes = prefixes + 1 if kind in _PREFIXES else 0
        if depth + prefixes > MAX_BRACKETS:
            raise Refused(problem("R205", at, f"Brackets and prefixes nest {MAX_BRACKETS} levels at most."))


def _foreign(token: Token, at: Span, columns: Collection[str]) -> Problem:
    word = shown(token.text)
    if token.text in columns:
        return problem("R202", at, f'{word} is a word of SQL. To name the column, write "{word}".')
    if token.token_type.name == "SEMICOLON":
        return problem("R202", at, "where is one expression; ; isn't allowed.")
    return problem("R202", at, f"{word} isn't allowed in where.")


def _unreadable(error: Exception, text: str) -> Problem:
    first = (getattr(error, "errors", None) or [{}])[0]
    mark, before = first.get("highlight") or "", first.get("start_context") or ""
    offset = text.find(before + mark) + len(before) if mark and before + mark in text else 0
    near = f" near {shown(mark)}" if mark else ""
    detail = f"This isn't an SQL expression: it can't be read{near}."
    return problem("R201", Span(offset, len(mark) or len(text)), detail)


def _span(token: Token) -> Span:
    return Span(token.start, token.end - token.start + 1)
