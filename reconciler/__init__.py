"""Prospect-audience exports as code: everything that `reconcile` does, for programs.

    import reconciler

    project = reconciler.Project.open("shop")
    plan = project.plan()
    if not plan.refusals:
        project.apply(plan)

Importing this loads nothing; each name loads what it needs when it is first used. docs/python.md shows more.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from reconciler.version import __version__

if TYPE_CHECKING:
    from reconciler.api.applying import Performed as Performed
    from reconciler.api.history import History as History
    from reconciler.api.hooks import Hooks as Hooks
    from reconciler.api.looking import Overview as Overview
    from reconciler.api.measuring import NotMeasured as NotMeasured
    from reconciler.api.planfile import read_plan as read_plan
    from reconciler.api.planfile import write_plan as write_plan
    from reconciler.api.project import Project as Project
    from reconciler.api.purges import NotDiscarded as NotDiscarded
    from reconciler.api.purges import NotPurged as NotPurged
    from reconciler.api.purges import Purged as Purged
    from reconciler.api.retaining import NotRemoved as NotRemoved
    from reconciler.api.retaining import Removed as Removed
    from reconciler.api.runs import Exported as Exported
    from reconciler.api.runs import NotExported as NotExported
    from reconciler.api.sending import Alerted as Alerted
    from reconciler.api.sending import NotAlerted as NotAlerted
    from reconciler.api.verifying import Report as Report
    from reconciler.apply.changes import Done as Done
    from reconciler.apply.changes import Failed as Failed
    from reconciler.catalog.types import TYPES as TYPES
    from reconciler.config.invalid import NotValid as NotValid
    from reconciler.config.load import Loaded as Loaded
    from reconciler.config.schemas import schema_of as schema_of
    from reconciler.diagnostics import CODES as CODES
    from reconciler.diagnostics import Diagnostic as Diagnostic
    from reconciler.errors import ConfigInvalid as ConfigInvalid
    from reconciler.errors import Conflict as Conflict
    from reconciler.errors import OutcomeUnknown as OutcomeUnknown
    from reconciler.errors import ReconcilerError as ReconcilerError
    from reconciler.errors import Refused as Refused
    from reconciler.errors import UsageError as UsageError
    from reconciler.export.job import Interrupted as Interrupted
    from reconciler.export.job import Progress as Progress
    from reconciler.ledger.records import RunRecord as RunRecord
    from reconciler.plan.bind import SavedPlan as SavedPlan
    from reconciler.plan.data import PlanData as PlanData
    from reconciler.plan.plan import Plan as Plan
    from reconciler.plan.whatif import Trial as Trial
    from reconciler.plan.whatif import Verdict as Verdict
    from reconciler.present.cleanups import CleanUp as CleanUp
    from reconciler.present.status import FlowStatus as FlowStatus

_PLACES = {
    "Alerted": "api.sending",
    "CODES": "diagnostics",
    "ConfigInvalid": "errors",
    "Conflict": "errors",
    "Diagnostic": "diagnostics",
    "Done": "apply.changes",
    "Exported": "api.runs",
    "Failed": "apply.changes",
    "FlowStatus": "present.status",
    "History": "api.history",
    "Hooks": "api.hooks",
    "Interrupted": "export.job",
    "Loaded": "config.load",
    "NotAlerted": "api.sending",
    "NotExported": "api.runs",
    "NotMeasured": "api.measuring",
    "NotDiscarded": "api.purges",
    "Overview": "api.looking",
    "CleanUp": "present.cleanups",
    "NotPurged": "api.purges",
    "NotRemoved": "api.retaining",
    "NotValid": "config.invalid",
    "OutcomeUnknown": "errors",
    "Performed": "api.applying",
    "Plan": "plan.plan",
    "PlanData": "plan.data",
    "Progress": "export.job",
    "Project": "api.project",
    "Purged": "api.purges",
    "ReconcilerError": "errors",
    "Refused": "errors",
    "Removed": "api.retaining",
    "Report": "api.verifying",
    "RunRecord": "ledger.records",
    "SavedPlan": "plan.bind",
    "TYPES": "catalog.types",
    "Trial": "plan.whatif",
    "UsageError": "errors",
    "Verdict": "plan.whatif",
    "read_plan": "api.planfile",
    "schema_of": "config.schemas",
    "write_plan": "api.planfile",
}
__all__ = ["__version__", *_PLACES]


def __getattr__(name: str) -> Any:
    """Loads a public name on first use."""
    place = _PLACES.get(name)
    if place is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(f"{__name__}.{place}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
