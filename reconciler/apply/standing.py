"""What stands at a flow's fixed name (`files.replace`): which files a run may replace, and what is there once it is over."""

from __future__ import annotations

from reconciler.ledger.records import OpenRun, RunRecord, Standing
from reconciler.values.staged import Content


def replaceable(run: OpenRun, name: str) -> tuple[Content, ...] | None:
    """What may give way at a name; None where names are the run's alone."""
    if not run.spec.destination.spec.files.replace:
        return None
    return tuple(Content(size=each.size, sha256=each.sha256) for each in _at(run, name))


def outdated(run: OpenRun, name: str) -> list[str]:
    """Manifests of earlier runs that list what is at this name. They go first: none is to be seen beside another run's file."""
    return [each.manifest for each in _at(run, name) if each.manifest is not None]


def replaced(run: OpenRun, names: list[str]) -> tuple[str, ...] | None:
    """The runs whose file gave way once these names were published."""
    return tuple(each.run_id for name in names for each in _at(run, name)) or None


def after(run: OpenRun, record: RunRecord) -> tuple[Standing, ...] | None:
    """What stands once a run is closed; None: as before. A run that was ended may or may not have put its file there."""
    if not run.spec.destination.spec.files.replace:
        return None
    mine = tuple(
        Standing(run_id=run.run_id, name=each.path, size=each.size, sha256=each.sha256, manifest=record.manifest)
        for each in record.files
    )
    there = run.standing or ()
    if record.outcome == "exported":
        # What stands at another name, from before the template was changed, is ours as well, should the name come back.
        there = tuple(each for each in there if each.name not in {file.path for file in record.files})
    return (*there, *mine)


def _at(run: OpenRun, name: str) -> list[Standing]:
    return [each for each in run.standing or () if each.name == name]
