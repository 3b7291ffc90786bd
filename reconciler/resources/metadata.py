"""`metadata` of every document, by what the kind gives a meaning to."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from reconciler.resources.override import Overrides
from reconciler.values.base import Value
from reconciler.values.identity import NAME_ABOUT, NAME_PATTERN

Name = Annotated[str, Field(pattern=NAME_PATTERN, description=NAME_ABOUT)]
LabelKey = Annotated[str, Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9._/-]{0,61}[A-Za-z0-9])?$")]
LabelValue = Annotated[str, Field(pattern=r"^([A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?)?$")]


class Metadata(Value):
    """What every document has."""

    name: Name
    description: Annotated[str, Field(max_length=4096, description="For people.")] | None = None
    labels: Annotated[dict[LabelKey, LabelValue], Field(description="For selectors.")] = {}


class ProtectedMetadata(Metadata):
    """`protect: true`: the object and its flows can't be removed by leaving the document out."""

    protect: Annotated[bool, Field(description="Removing it takes a reviewed `protect: false` first.")] = False


class OwnedMetadata(ProtectedMetadata):
    """`transferTo`, `adoptFrom`: both ends of handing the object and its flows over from one project of a ledger to another."""

    transfer_to: Annotated[
        Name | None, Field(description="The project that may adopt it; until it does, everything goes on here.")
    ] = None
    adopt_from: Annotated[
        Name | None,
        Field(description="The project it is taken over from, which says transferTo; nothing is exported anew."),
    ] = None


class ActivationMetadata(OwnedMetadata):
    """`override` lifts one of the activation's guards, or a policy of what its flows bring, for a while; several are a list."""

    override: Overrides | None = None


class RenamableMetadata(OwnedMetadata):
    """`renamedFrom`: the name under which the ledger knows it; flows, cursors and folders are carried over."""

    renamed_from: Name | None = None


class SourceMetadata(RenamableMetadata):
    """`id`: its folder in destinations; default: the name at first apply, kept through renames."""

    id: Name | None = None
