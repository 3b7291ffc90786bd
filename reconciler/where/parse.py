"""From text to the SQL parser's tree. Everything that could be costly or foreign is refused before it parses.

The parser recurses by depth, so the depth is bounded on the tokens: brackets, CASE in CASE, and prefixes (`NOT NOT …`,
`- - …`) in a row. Tokens outside a short list are refused by name, so that it never enters the rest of its grammar.
"""

from __future__ import annotations

import contextlib
import sys
import threading
import unicodedata
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from reconciler.where.functions import INSTEAD
from reconciler.where.problems import Problem, Refused, Span, problem, shown

if TYPE_CHECKING:
    from sqlglot import exp
    from sqlglot.tokenizer_core import Token

MAX_TEXT = 65_536
MAX_BRACKETS = 50
MAX_LEVELS = 100  # of our tree
MAX_TOKENS = 20_000
_FRAMES = 40  # of the stack, that the parser takes for a bracket at most
_PREFIXES = frozenset({"NOT", "DASH", "PLUS", "INTERVAL", "DISTINCT"})
_BRACKETS = {"L_PAREN": 1, "R_PAREN": -1}
_CASES = {"CASE": 1, "END": -1}
_TYPES = {
    "DATE", "TIMESTAMP", "TIMESTAMPTZ", "DATETIME", "TEXT", "VARCHAR", "CHAR", "INT", "BIGINT", "SMALLINT", "TINYINT", "FLOAT",
    "DOUBLE", "DECIMAL", "BOOLEAN",
}  # fmt: skip
_TOKENS = (
    _PREFIXES
    | {
        "VAR", "IDENTIFIER", "STRING", "NUMBER", "L_PAREN", "R_PAREN", "COMMA", "DOT", "EQ", "NEQ", "LT", "LTE", "GT", "GTE",
        "STAR", "SLASH", "MOD", "DPIPE", "DCOLON", "AND", "OR", "IN", "BETWEEN", "LIKE", "ILIKE", "ESCAPE", "IS", "NULL", "TRUE",
        "FALSE", "CASE", "WHEN", "THEN", "ELSE", "END", "FROM", "ALIAS", "LEFT", "RIGHT", "REPLACE",
    }
    | _TYPES
)  # fmt: skip
_ALONE = frozenset({"VAR", "IDENTIFIER", "STRING", "NUMBER"}) | _TYPES
_LOOKS = {
    **dict.fromkeys("‘’‚‛′＇`´", "'"), **dict.fromkeys("“”„‟″＂", '"'), **dict.fromkeys("−–—‐‑－", "-"), "＝": "=", "≠": "<>", "≤": "<=",
    "≥": ">=", "＜": "<", "＞": ">", "×": "*", "＊": "*", "÷": "/", "／": "/", "（": "(", "）": ")", "，": ",", "％": "%", "＋": "+",
}  # fmt: skip
_deep = threading.Lock()


def parse(text: str, columns: Collection[str]) -> exp.Expr:
    """The parser's tree. Raises Refused (R201, R202, R205)."""
    if len(text) > MAX_TEXT:
        raise Refused(problem("R205", Span(0, 1), f"It has {len(text):,} characters; {MAX_TEXT:,} are allowed."))
    from sqlglot import exp, parse_one
    from sqlglot.errors import ParseError, TokenError

    tokens: list[Token] = []
    try:
        tokens = _tokens(text)
        depth = _check(tokens, text, columns)
        with _room(depth * _FRAMES):
            return parse_one(text, into=exp.Condition)
    except TokenError:
        raise Refused(problem("R201", Span(0, len(text)), "A quote or a bracket isn't closed.")) from None
    except ParseError as error:
        raise Refused(_unreadable(error, text, tokens, columns)) from None
    except RecursionError:
        raise Refused(
            problem("R205", Span(0, len(text)), f"Brackets and prefixes nest {MAX_BRACKETS} levels at most.")
        ) from None


def _tokens(text: str) -> list[Token]:
    from sqlglot import tokenize

    return list(tokenize(text))


@contextlib.contextmanager
def _room(frames: int) -> Iterator[None]:
    """So many frames more on the stack, where few would be left: the limit is the process's, so one at a time."""
    if frames < 10 * _FRAMES:
        yield
        return
    with _deep:
        before = sys.getrecursionlimit()
        sys.setrecursionlimit(before + frames)
        try:
            yield
        finally:
            sys.setrecursionlimit(before)


def _check(tokens: list[Token], text: str, columns: Collection[str]) -> int:
    """How deep it nests."""
    if not tokens:
        raise Refused(problem("R201", Span(0, len(text)), "It is empty. For all rows, write TRUE."))
    if len(tokens) > MAX_TOKENS:
        detail = f"It has {len(tokens):,} words and signs; {MAX_TOKENS:,} are allowed."
        raise Refused(problem("R205", Span(0, 1), detail))
    depth = cases = prefixes = deepest = 0
    before = ""
    for token in tokens:
        at, kind = _span(token), token.token_type.name
        if before == "DOT" and token.text.isidentifier():
            kind = "VAR"  # a field may be called anything
        before = kind
        if token.comments:
            raise Refused(problem("R201", at, "Comments aren't allowed in where. Use a YAML comment (#) above it."))
        if kind not in _TOKENS:
            raise Refused(_foreign(token, at, columns))
        if kind == "VAR" and (found := _look_alike(token, at, columns)) is not None:
            raise Refused(found)
        depth += _BRACKETS.get(kind, 0)
        cases = max(cases + _CASES.get(kind, 0), 0)  # a column may be called end
        prefixes = prefixes + 1 if kind in _PREFIXES else 0
        deepest = max(deepest, depth + cases + prefixes)
        if deepest > MAX_BRACKETS:
            raise Refused(problem("R205", at, f"Brackets and prefixes nest {MAX_BRACKETS} levels at most."))
    return deepest


def _foreign(token: Token, at: Span, columns: Collection[str]) -> Problem:
    word = shown(token.text)
    if token.text in columns:
        return _word(token, at)
    if token.token_type.name == "SEMICOLON":
        return problem("R202", at, "where is one expression; ; isn't allowed.")
    instead = INSTEAD.get(token.text.upper(), "")
    return problem("R202", at, f"{word} isn't allowed in where.{' ' if instead else ''}{instead}")


def _word(token: Token, at: Span) -> Problem:
    word = shown(token.text)
    return problem("R202", at, f'{word} is a word of SQL. To name the column, write "{word}".')


def _look_alike(token: Token, at: Span, columns: Collection[str]) -> Problem | None:
    if token.text.isascii() or token.text in columns:
        return None
    for place, char in enumerate(token.text):
        if (meant := _LOOKS.get(char)) is not None:
            detail = f"{char} ({unicodedata.name(char)}) looks like {meant} and isn't. Write {meant}."
            return problem("R202", Span(at.offset + place, 1), detail)
    return None


def _unreadable(error: Exception, text: str, tokens: list[Token], columns: Collection[str]) -> Problem:
    for token in tokens:
        if token.text in columns and token.token_type.name not in _ALONE:
            return _word(token, _span(token))
    first = (getattr(error, "errors", None) or [{}])[0]
    mark, before = first.get("highlight") or "", first.get("start_context") or ""
    offset = text.find(before + mark) + len(before) if mark and before + mark in text else 0
    near = f" near {shown(mark)}" if mark else ""
    detail = f"This isn't an SQL expression: it can't be read{near}."
    return problem("R201", Span(offset, len(mark) or len(text)), detail)


def _span(token: Token) -> Span:
    return Span(token.start, token.end - token.start + 1)
