"""`Role`: who may change what of which destinations."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from reconciler.resources.activation import Selector
from reconciler.resources.metadata import Name
from reconciler.values.base import Value

Permission = Literal[
    "view-destinations",
    "manage-destinations",
    "activate-destinations",
    "manage-dataset-destinations",
    "activate-datasets",
    "manage-policies",
]
_Text = Annotated[str, Field(min_length=1, max_length=512)]


class Claim(Value):
    """A claim of a verified token; one that is a list has the value in it."""

    name: Annotated[_Text, Field(description="As the token writes it.")]
    value: Annotated[_Text, Field(description="The whole text of it.")]


class Subject(Value):
    """One of: a person by name, a group, whoever's token has a claim."""

    user: Annotated[
        _Text | None,
        Field(description="By userClaim of identity; without identity the name that the operating system knows."),
    ] = None
    group: Annotated[_Text | None, Field(description="By groupsClaim of identity, or of the operating system.")] = None
    claim: Claim | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if sum(each is not None for each in (self.user, self.group, self.claim)) != 1:
            raise ValueError("a subject is one thing: write user, group or claim")
        return self

    @property
    def said(self) -> str:
        """For people: `group growth`."""
        if self.user is not None:
            return f"user {self.user}"
        if self.group is not None:
            return f"group {self.group}"
        assert self.claim is not None
        return f"claim {self.claim.name}={self.claim.value}"


class RoleSpec(Value):
    """`subjects` have `grants` on the destinations that are named or selected; on all where neither is written. `manage-policies` is about
    the whole project: a role that grants it names no destinations."""

    subjects: Annotated[tuple[Subject, ...], Field(min_length=1, max_length=1_000)]
    grants: Annotated[tuple[Permission, ...], Field(min_length=1, max_length=6, description="What they may do.")]
    destinations: Annotated[tuple[Name, ...], Field(min_length=1, max_length=1_000, description="By name.")] | None = (
        None
    )
    destination_selector: Selector | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if "manage-policies" in self.grants and self.scoped:
            raise ValueError(
                "manage-policies is about the whole project: grant it in a role of its own, without destinations"
            )
        return self

    @property
    def scoped(self) -> bool:
        """Whether it is about some destinations alone."""
        return self.destinations is not None or self.destination_selector is not None
