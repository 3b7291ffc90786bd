"""The error of a configuration that can't be used: one error with all its findings."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType

from reconciler.diagnostics import Diagnostic
from reconciler.errors import ConfigInvalid


class NotValid(ConfigInvalid):
    """The configuration is not valid (exit 3). `diagnostics`: every finding, by place, at least one error; `files`: path to text, to quote.
    `revision`: the git revision that it is of; None for the files as they are here.

    `code`, `summary` and `detail` are the first error's.
    """

    def __init__(
        self, diagnostics: Iterable[Diagnostic], files: Mapping[str, str], *, revision: str | None = None
    ) -> None:
        self.revision = revision
        self.diagnostics = tuple(sorted(set(diagnostics)))
        self.files = MappingProxyType(dict(files))
        errors = [each for each in self.diagnostics if each.severity == "error"]
        first = errors[0]
        others = f" And {len(errors) - 1:,} more: reconcile validate." if len(errors) > 1 else ""
        where = f"At {revision}, in" if revision else "In"
        super().__init__(
            first.code, first.summary, f"{where} {first.source.path}:{first.source.line}: {first.detail}{others}"
        )
