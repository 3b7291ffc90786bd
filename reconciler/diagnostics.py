"""Diagnostics: what is wrong in a configuration, where, why, and how to mend it.

A diagnostic's `summary` is fixed per code and never holds user data; `detail` does, so whoever renders it treats it as text.
The catalogue of codes (`CODES`) feeds `reconcile explain`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Literal

from reconciler.codes.access import ACCESS_CODES
from reconciler.codes.accounts import ACCOUNT_CODES
from reconciler.codes.alerts import ALERT_CODES
from reconciler.codes.base import Code
from reconciler.codes.datasets import DATASET_CODES
from reconciler.codes.destinations import DESTINATION_CODES
from reconciler.codes.encryption import ENCRYPTION_CODES
from reconciler.codes.general import GENERAL_CODES
from reconciler.codes.governance import GOVERNANCE_CODES
from reconciler.codes.ledger import STORE_CODES
from reconciler.codes.paths import PATH_CODES, SECRET_CODES, TEMPLATE_CODES
from reconciler.codes.plan import PLAN_CODES
from reconciler.codes.references import REFERENCE_CODES
from reconciler.codes.runs import RUN_CODES
from reconciler.codes.schema import SCHEMA_CODES
from reconciler.codes.sftp import SFTP_CODES
from reconciler.codes.types import TYPE_CODES
from reconciler.codes.where import WHERE_CODES
from reconciler.codes.yaml import YAML_CODES

Severity = Literal["error", "warning"]

_ALL = (
    *YAML_CODES,
    *SCHEMA_CODES,
    *REFERENCE_CODES,
    *WHERE_CODES,
    *SECRET_CODES,
    *TEMPLATE_CODES,
    *PATH_CODES,
    *DATASET_CODES,
    *ACCOUNT_CODES,
    *STORE_CODES,
    *RUN_CODES,
    *DESTINATION_CODES,
    *GENERAL_CODES,
    *PLAN_CODES,
    *TYPE_CODES,
    *SFTP_CODES,
    *ENCRYPTION_CODES,
    *GOVERNANCE_CODES,
    *ALERT_CODES,
    *ACCESS_CODES,
)
CODES: Mapping[str, Code] = MappingProxyType({entry.code: entry for entry in _ALL})


@dataclass(frozen=True, slots=True, order=True)
class Source:
    """A place in a file: `path` relative to the project (POSIX), `line` and `column` from 1, `length` in characters (0: unknown)."""

    path: str
    line: int = 1
    column: int = 1
    length: int = 0


@dataclass(frozen=True, slots=True, order=True)
class Diagnostic:
    """One finding. Sorted by place, then code. `subject` is the resource (`Audience/us`) where one is known.

    `private`: its line may hold a secret, so that it is never quoted.
    """

    source: Source
    code: str
    summary: str
    detail: str
    severity: Severity = "error"
    subject: str = ""
    private: bool = False


def diagnose(
    code: str,
    source: Source,
    detail: str,
    *,
    severity: Severity = "error",
    subject: str = "",
    private: bool = False,
) -> Diagnostic:
    """A finding with its code's fixed summary. Raises KeyError for a code that isn't in the catalogue."""
    return Diagnostic(source, code, CODES[code].summary, detail, severity, subject, private)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """` Did you mean X?` if a known word is near, else nothing. Near: few edits for its length, case and -_ aside."""
    folded = {_fold(name): name for name in sorted(known, reverse=True)}
    if (same := folded.get(_fold(word))) is not None:
        return f" Did you mean {same}?"
    near = get_close_matches(_fold(word[:80]), folded, n=1, cutoff=0.7)
    return f" Did you mean {folded[near[0]]}?" if near else ""


def _fold(word: str) -> str:
    return word.lower().replace("-", "").replace("_", "")
