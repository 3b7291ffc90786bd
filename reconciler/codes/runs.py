"""H1xx: what holds a run, refuses it, or leaves it to a person."""

from __future__ import annotations

from reconciler.codes.base import Code

RUN_CODES = (
    Code(
        "H120",
        "not everything could be purged",
        "A flow was removed with onRemove: purge, and the destination refused to delete some of its files. The ledger remembers that they "
        "are owed.",
        "Mend what the detail names; the next run or apply tries again until all are gone.",
    ),
)
