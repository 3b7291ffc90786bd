"""Transforms: what is done to a column's values before they leave. Declarations only; `export/transforms.py` performs them."""

from __future__ import annotations

import re
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from reconciler.resources.secrets import SecretRef
from reconciler.values.base import Value

NamedTransform = Literal["lower", "upper", "trim", "sha256", "sha256-email", "sha256-phone", "mask"]
TimeFormat = Annotated[str, Field(min_length=1, max_length=100)]
_DIRECTIVES = "YmdHMSjyfzs"


class EmailHash(Value):
    """`rules: common` trims and lowers the address; `google` also removes the dots before `@gmail.com` and `@googlemail.com`."""

    rules: Literal["common", "google"] = "common"


class PhoneHash(Value):
    """`rules: e164` hashes `+16505551212`, `meta` the digits alone. `country`: calling code of numbers written without one."""

    rules: Literal["e164", "meta"] = "e164"
    country: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,2}$", description="A calling code, such as 49.")] | None = (
        None
    )


class Mask(Value):
    """Every character but the first and last few becomes `with`."""

    keep_first: Annotated[int, Field(ge=0, le=64)] = 0
    keep_last: Annotated[int, Field(ge=0, le=64)] = 0
    with_: Annotated[str, Field(alias="with", min_length=1, max_length=1, pattern=r"^[ -~]$")] = "*"


class Hmac(Value):
    """HMAC-SHA-256 in hex, keyed by a secret of at least 16 characters."""

    secret: Annotated[SecretRef, Field(description="The key: with another one, the same values look different.")]


class TimeText(Value):
    """A date or timestamp as text. Directives: %Y %m %d %H %M %S %j %y, %f (six digits), %z (+0100), %s (Unix seconds), %%."""

    format: TimeFormat
    timezone: Annotated[str, Field(max_length=64)] = "UTC"

    @model_validator(mode="after")
    def _understood(self) -> Self:
        for found in re.finditer(r"%(.?)", self.format, re.DOTALL):
            if found[1] not in _DIRECTIVES + "%" or not found[1]:
                known = " ".join(f"%{each}" for each in _DIRECTIVES)
                raise ValueError(f"%{found[1]} is not a directive here; use {known} and %% for a percent sign")
        return self


class Step(Value):
    """One transform with settings: exactly one of the keys."""

    sha256_email: Annotated[EmailHash | None, Field(alias="sha256-email")] = None
    sha256_phone: Annotated[PhoneHash | None, Field(alias="sha256-phone")] = None
    mask: Mask | None = None
    hmac: Hmac | None = None
    time: TimeText | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if len(self.model_fields_set) != 1:
            raise ValueError("a transform with settings has exactly one name; several are a list")
        return self


OneTransform = NamedTransform | Step
Transform = OneTransform | Annotated[tuple[OneTransform, ...], Field(min_length=1, max_length=8)]


def steps(transform: Transform | None) -> tuple[OneTransform, ...]:
    """The transforms in their order."""
    if transform is None:
        return ()
    return transform if isinstance(transform, tuple) else (transform,)


def named(step: OneTransform) -> str:
    """A step in one word, settings that change the outcome behind it: `sha256-email`, `sha256-phone(meta)`."""
    if isinstance(step, str):
        return step
    if step.sha256_email is not None:
        return "sha256-email" + ("" if step.sha256_email.rules == "common" else f"({step.sha256_email.rules})")
    if step.sha256_phone is not None:
        about: list[str] = [step.sha256_phone.rules] if step.sha256_phone.rules != "e164" else []
        about += [f"+{step.sha256_phone.country}"] if step.sha256_phone.country else []
        return "sha256-phone" + (f"({', '.join(about)})" if about else "")
    if step.mask is not None:
        return f"mask({step.mask.keep_first}, {step.mask.keep_last})"
    if step.hmac is not None:
        return "hmac"
    assert step.time is not None
    return f"time({step.time.format})"
