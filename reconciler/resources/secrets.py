"""Secret references: how a secret is named in configuration, never the secret itself. Resolved in `reconciler/accounts`."""

from __future__ import annotations

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
