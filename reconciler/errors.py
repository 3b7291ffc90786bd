"""One tree of errors. Every error that a person can meet derives from `ReconcilerError`.

`code` is stable (`reconcile explain CODE`), `summary` holds no user data, `detail` says what, why and how to
mend it in full sentences. `exit_code` is the process's exit code as the semantics fix them. No secret and no personal data
ever goes into an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from reconciler.version import __version__

_NAMELESS: Final = "export FLOW"


class ReconcilerError(Exception):
    """Base of all errors raised on purpose; unexpected exceptions are bugs and exit with 1."""

    exit_code = 1
    needs = ""
    """The permission that is missing, in the service's own words; nothing: it isn't that."""

    def __init__(self, code: str, summary: str, detail: str = "") -> None:
        super().__init__(f"{code} {summary}" + (f": {detail}" if detail else ""))
        self.code = code
        self.summary = summary
        self.detail = detail


class ConfigInvalid(ReconcilerError):
    """The configuration can't be used (exit 3)."""

    exit_code = 3


class Refused(ReconcilerError):
    """A guard, a policy or a permission says no (exit 4)."""

    exit_code = 4


class Conflict(ReconcilerError):
    """A stale plan, or another runner holds what is needed (exit 5)."""

    exit_code = 5


class SourceError(ReconcilerError):
    """The dataset can't be exported as declared: missing, empty, changed while read, torn, drifted."""

    def __init__(self, code: str, summary: str, detail: str = "", *, needs: str = "") -> None:
        super().__init__(code, summary, detail)
        self.needs = needs


class DestinationError(ReconcilerError):
    """A destination refused or can't be used; `permanent` says whether trying again can help."""

    def __init__(self, code: str, summary: str, detail: str = "", *, permanent: bool = True, needs: str = "") -> None:
        super().__init__(code, summary, detail)
        self.permanent = permanent
        self.needs = needs


class AccountError(ReconcilerError):
    """Credentials or a secret aren't there, or are refused. Never says what they are."""


class StoreError(ReconcilerError):
    """The ledger's store refused, is torn, newer, or isn't what it must be. Nothing was overwritten."""


class OutcomeUnknown(ReconcilerError):
    """A write may or may not have happened and could not be read back: nothing else was touched (exit 75)."""

    exit_code = 75


class UsageError(ReconcilerError):
    """The command line or the API was used wrongly (exit 64)."""

    exit_code = 64


class MissingExtra(ReconcilerError):
    """An optional dependency isn't installed; the detail is the one line that installs it."""

    def __init__(self, extra: str, what: str) -> None:
        super().__init__(
            "E001", "an optional part is not installed", f"{what} needs: pip install 'reconciler[{extra}]'"
        )


def unexpected(error: Exception) -> ReconcilerError:
    """What is told of a bug: its type and where it arose. Never its text, which may hold anything, data and secrets included."""
    place = ""
    trace = error.__traceback__
    while trace is not None:
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        if module.partition(".")[0] == "reconciler":
            place = f" at {module}:{trace.tb_lineno}"
        trace = trace.tb_next
    said = f"{type(error).__name__}{place}: this is a bug in reconciler {__version__}. Please report it."
    return ReconcilerError("E002", "an unexpected failure", said)


@contextmanager
def of_flow(name: str) -> Iterator[None]:
    """Errors that pass give the flow's name in the commands that mend them. What arises in a dataset or a snapshot can't know whose run it
    is, and says `reconcile export FLOW`.
    """
    try:
        yield
    except ReconcilerError as error:
        if _NAMELESS in error.detail:
            error.detail = error.detail.replace(_NAMELESS, f"export {name}")
            error.args = (f"{error.code} {error.summary}: {error.detail}",)
        raise
