"""`Project.spec.defaults`: what its destinations and activations say where they say nothing themselves."""

from __future__ import annotations

from typing import Annotated, Literal, Self, TypeVar

from pydantic import Field, model_validator

from reconciler.resources.activation import ActivationSpec, AudienceGuard, Backfill, ExportGuard, Guards
from reconciler.resources.destination import DestinationSpec
from reconciler.resources.formats import Files, Format
from reconciler.values.base import Value

Limits = TypeVar("Limits", AudienceGuard, ExportGuard)


class DestinationDefaults(Value):
    """Of every destination. `format` is taken whole or not at all; of `files`, each field that a destination doesn't write itself."""

    format: Format | None = None
    files: Files | None = None

    @model_validator(mode="after")
    def _of_all(self) -> Self:
        if self.files is not None and (self.files.replace or self.files.retain is not None):
            raise ValueError(
                "replace and retain take away what was exported: write them into the destinations or activations that are meant"
            )
        return self

    def of(self, spec: DestinationSpec) -> DestinationSpec:
        """A destination with them, what it says itself first."""
        changed: dict[str, object] = {}
        if self.format is not None and "format" not in spec.model_fields_set:
            changed["format"] = self.format
        if self.files is not None:
            changed["files"] = spec.files.over(self.files)
        return spec.model_copy(update=changed) if changed else spec


class ActivationDefaults(Value):
    """Of every activation. Of `guards`, each limit that an activation doesn't write itself. `backfill` isn't for those to a third party,
    which say it themselves."""

    backfill: Backfill | None = None
    guards: Guards | None = None
    on_remove: Literal["keep", "purge"] | None = None

    @model_validator(mode="after")
    def _of_all(self) -> Self:
        if self.guards is not None and self.guards.export.max_removed is not None:
            raise ValueError("maxRemoved is for flows under strategy diff alone: write it into their activations")
        return self

    def of(self, spec: ActivationSpec, *, third_party: bool) -> ActivationSpec:
        """An activation with them, what it says itself first. `third_party`: its destination names a recipient."""
        changed: dict[str, object] = {}
        if self.backfill is not None and spec.backfill is None and not third_party:
            changed["backfill"] = self.backfill
        if self.guards is not None:
            own = spec.guards
            changed["guards"] = Guards(
                audience=_over(own.audience, self.guards.audience), export=_over(own.export, self.guards.export)
            )
        if self.on_remove is not None and "on_remove" not in spec.model_fields_set:
            changed["on_remove"] = self.on_remove
        return spec.model_copy(update=changed) if changed else spec


class DefaultsSpec(Value):
    """What is written in a resource itself always wins over what is written here."""

    destination: Annotated[DestinationDefaults, Field(description="For destinations that don't say it themselves.")] = (
        DestinationDefaults()
    )
    activation: Annotated[ActivationDefaults, Field(description="For activations that don't say it themselves.")] = (
        ActivationDefaults()
    )


def _over(own: Limits, default: Limits) -> Limits:
    return default.model_copy(update={name: getattr(own, name) for name in own.model_fields_set})
