"""`transferTo` and `adoptFrom`: what flows inherit from the objects that they come from, and what can't be meant."""

from __future__ import annotations

from collections.abc import Iterable

from reconciler.config.desired import Adopting
from reconciler.config.index import Entry, Index
from reconciler.config.parse import Path
from reconciler.resources.resource import Activation, Audience, Dataset, Destination, Project

Owned = Activation | Destination | Audience | Dataset
_KINDS: tuple[type[Owned], ...] = (Activation, Destination, Audience, Dataset)


def check_handover(index: Index, default: Project) -> None:
    """Reports R191 and R192: what can't be meant. `default`: what counts where no Project is declared."""
    own = next((project.metadata.name for _, project in index.all(Project)), default.metadata.name)
    for kind in _KINDS:
        for entry, resource in index.all(kind):
            _check(index, entry, resource, own)


def _check(index: Index, entry: Entry, resource: Owned, own: str) -> None:
    to, of = resource.metadata.transfer_to, resource.metadata.adopt_from
    for key, named in (("transferTo", to), ("adoptFrom", of)):
        if named == own:
            detail = f"This project is {own} itself. Name the other one, or take {key} out."
            index.report("R191", entry, ("metadata", key), detail)
    if to is not None and to == of:
        detail = f"It is to be adopted from project {of} and handed over to it. Take out adoptFrom if it is handed back, else transferTo."
        index.report("R192", entry, ("metadata", "adoptFrom"), detail)


def transfer_to(index: Index, entry: Entry, path: Path, resources: Iterable[Owned]) -> str | None:
    """The project that may adopt a flow: what any of the objects says that it comes from. Reports R190: not all say the same."""
    named = {each.metadata.transfer_to: each for each in resources if each.metadata.transfer_to is not None}
    if len(named) > 1:
        said = " and ".join(
            f"{each.kind} {each.metadata.name} to {project}" for project, each in sorted(named.items(), key=str)
        )
        index.report("R190", entry, path, f"{said}: a flow is handed over to one project. Let all name the same.")
    return next(iter(sorted(filter(None, named))), None)


def adopting(resources: Iterable[Owned]) -> tuple[Adopting, ...]:
    """The objects that are to be adopted, of those that a flow comes from."""
    return tuple(
        Adopting(each.kind, each.metadata.name, each.metadata.adopt_from)
        for each in resources
        if each.metadata.adopt_from is not None
    )
