"""Secret references: how a secret is named in configuration, never the secret itself. Resolved in `reconciler/accounts`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from reconciler.values.base import Value


class FromEnv(Value):
    """The value of an environment variable of the process that needs it."""

    from_env: Annotated[str, Field(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=256)]


class FromFile(Value):
    """The content of a file, without one trailing newline; a relative path is below the project."""

    from_file: Annotated[str, Field(min_length=1, max_length=4096)]


class FromAwsSecret(Value):
    """A secret of AWS Secrets Manager: what stands under `key` in the JSON object that it holds; without `key`, its whole text."""

    from_aws_secret: Annotated[
        str,
        Field(
            pattern=r"^arn:aws[a-z-]*:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$",
            max_length=2048,
            description="A secret's ARN: arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME.",
        ),
    ]
    key: Annotated[str, Field(min_length=1, max_length=256)] | None = None


SecretRef = FromEnv | FromFile | FromAwsSecret


def references(of: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], SecretRef]]:
    """All references in a value, however deep, each with its path as documents write it."""
    match of:
        case FromEnv() | FromFile() | FromAwsSecret():
            yield path, of
        case Value():
            for name, field in type(of).model_fields.items():
                yield from references(getattr(of, name), (*path, field.alias or name))
        case dict():
            for key, each in of.items():
                yield from references(each, (*path, str(key)))
        case tuple() | list():
            for at, each in enumerate(of):
                yield from references(each, (*path, at))
        case _:
            pass
