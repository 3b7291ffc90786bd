"""What may happen in a night, and how histories of it are drawn."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from hypothesis import strategies as st

from tests.api.nights import DAY, Row, Rules

NAMES = "abc"


@dataclass(frozen=True)
class Person:
    """A row as drawn: times relative to the slot of the night in which it came, in days and hours."""

    number: int | None
    country: str
    score: int | None
    seen: int | None
    at: int | None
    consent: str | None

    def row(self, slot: datetime, more: Row, times: int) -> Row:
        """`more`: what else it has. `times`: what scores are multiplied by."""
        key = None if self.number is None else f"p{self.number}"
        return {
            "prospect_id": key,
            "email": f"e{(self.number or 0) // 2}@x.de",
            "country": self.country,
            "score": None if self.score is None else self.score * times,
            "seen": None if self.seen is None else slot - self.seen * DAY,
            "at": None if self.at is None else slot + timedelta(hours=self.at),
            "consent": self.consent,
        } | more


@dataclass(frozen=True)
class Write:
    """A new file, or (`over`: which of those there are) an old one written anew. `young`: it waits for its night to pass. `stray`: it
    has a column that nobody declared."""

    people: tuple[Person, ...]
    letter: str
    young: bool
    over: int | None
    stray: bool = False


@dataclass(frozen=True)
class Vanish:
    which: int


@dataclass(frozen=True)
class OptOut:
    number: int


@dataclass(frozen=True)
class Edit:
    """Applied; `dies`: first by a call that dies there. `extra`: a column is declared and leaves; `widen`: the score is a long; `agree`:
    the stray column is declared."""

    what: Literal["filter", "columns", "suspend", "extra", "widen", "agree"]
    to: int
    dies: tuple[int, bool] | None


@dataclass(frozen=True)
class Night:
    """`missed`: nights before this one in which nobody called. `late`: minutes after the slot. `away`: what isn't there this night."""

    events: tuple[Write | Vanish | OptOut | Edit, ...]
    missed: int
    late: int
    away: Literal["list", "data", "bin"] | None
    dies: tuple[int, bool] | None
    again: bool
    demand: Literal["new", "full"] | None
    start_over: bool


POINT = st.none() | st.tuples(st.integers(1, 16), st.booleans())
PERSON = st.builds(
    Person,
    st.sampled_from([*range(12), None]),
    st.sampled_from(["US", "US", "US", "DE", "FR"]),
    st.sampled_from([0, 1, 2, None]),
    st.sampled_from([0, 0, 0, 1, 1, 2, 4, 5, None]),
    st.sampled_from([-30, -26, -3, -2, -1, 0, 5, None]),
    st.sampled_from(["yes"] * 6 + ["no", None]),
)
WRITE = st.builds(
    Write,
    st.lists(PERSON, min_size=2, max_size=6).map(tuple),
    st.sampled_from(NAMES),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([None, None, None, 0, 1, 2, 3]),
    st.sampled_from([False, False, False, True]),
)
EVENT = st.one_of(
    WRITE,
    WRITE,
    st.builds(Vanish, st.integers(0, 3)),
    st.builds(OptOut, st.integers(0, 11)),
    st.builds(Edit, st.sampled_from(["filter", "columns", "suspend", "extra", "widen"]), st.integers(0, 2), POINT),
)
NIGHT = st.builds(
    Night,
    st.lists(EVENT, min_size=1, max_size=4).map(tuple),
    st.sampled_from([0, 0, 0, 1, 2]),
    st.sampled_from([0, 45, 20 * 60]),
    st.sampled_from([None] * 8 + ["list", "data", "bin"]),
    POINT,
    st.booleans(),
    st.sampled_from([None, None, None, "new", "full"]),
    st.booleans(),
)
FIRST = st.lists(st.lists(PERSON, min_size=3, max_size=9), min_size=1, max_size=3)
NIGHTS = st.lists(NIGHT, min_size=4, max_size=8)
SHORT = st.lists(NIGHT, min_size=2, max_size=3)
"""Where a night takes its time."""

FORM: dict[str, Any] = {"form": st.sampled_from(["json", "parquet"]), "several": st.booleans(), "latest": st.booleans()}
COMMON = FORM | {"backfill": st.sampled_from(["full", "full", "none"])}


def _frozen(rules: st.SearchStrategy[Rules]) -> st.SearchStrategy[Rules]:
    """Some of them with a frozen contract: over JSON Lines, which have names alone, so that a type may be widened."""

    def frozen(each: Rules, freeze: bool) -> Rules:
        return replace(each, form="json", contract="freeze") if freeze else each

    return st.builds(frozen, rules, st.booleans())


RULES: dict[str, st.SearchStrategy[Rules]] = {
    "files": _frozen(st.builds(Rules, st.just("files"), catch_up=st.sampled_from(["latest", "skip"]), **COMMON)),
    "cursor": st.builds(
        Rules,
        st.just("cursor"),
        catch_up=st.sampled_from(["latest", "all", "skip"]),
        lag=st.sampled_from([0, 2, 26]),
        **COMMON,
    ),
    "diff": _frozen(
        st.builds(
            Rules,
            st.just("diff"),
            removed=st.sampled_from(["ignore", "tombstone", "folder"]),
            catch_up=st.sampled_from(["latest", "skip"]),
            **COMMON,
        )
    ),
    "full": _frozen(st.builds(Rules, st.just("full"), catch_up=st.sampled_from(["latest", "skip"]), **FORM)),
}
