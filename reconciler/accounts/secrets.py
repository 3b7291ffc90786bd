"""Secret references resolved at the moment of use, and a type that never shows what it holds."""

from __future__ import annotations

import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, assert_never

from reconciler.accounts.aws_secrets import AwsSecrets
from reconciler.accounts.errors import account_failure
from reconciler.errors import AccountError
from reconciler.resources.secrets import FromAwsSecret, FromEnv, FromFile, SecretRef

MASK = "***"
_LONGEST = 65_536


class Secret:
    """A text that prints as `***`, can't be pickled, and compares in constant time.

    `reveal()` is for the client that needs it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """The secret itself. Hand it to a client; never log, store or format it."""
        return self._text

    def __repr__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return MASK

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and hmac.compare_digest(self._text.encode(), other._text.encode())

    __hash__ = None  # type: ignore[assignment]

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret is not serialised")


@dataclass(frozen=True)
class SecretSource:
    """Where references lead: the process's environment, files (relative ones below `root`, the project), and AWS Secrets Manager, whose
    answers are kept in `aws` for as long as a session is."""

    root: Path
    env: Mapping[str, str] = field(repr=False)
    aws: AwsSecrets = field(default_factory=AwsSecrets, repr=False, compare=False)

    def resolve(self, ref: SecretRef, profile: str | None = None) -> Secret:
        """The secret. `profile`: of the AWS configuration, with which AWS is asked; None: with ambient credentials.

        Raises `AccountError` that names the reference and never the value, `MissingExtra`. A file's permissions are not
        judged: orchestrators mount secrets readable for all and as links, and nobody else is in there.
        """
        match ref:
            case FromEnv(from_env=name):
                text = self.env.get(name)
                if text is None:
                    raise _missing(
                        "A101",
                        f"the environment variable {name} isn't set",
                        "Set it for the process that runs reconcile",
                    )
                return _checked(text, f"the environment variable {name}")
            case FromFile(from_file=path):
                return _checked(self._read(path), f"the file {path}")
            case FromAwsSecret(from_aws_secret=arn, key=key):
                where = f"the value under {key} in the secret {arn}" if key else f"the secret {arn}"
                return _checked(self.aws.text(ref, profile), where)
            case _:
                assert_never(ref)

    def _read(self, path: str) -> str:
        try:
            with (self.root / path).open("rb") as file:
                content = file.read(_LONGEST + 1)
            if len(content) > _LONGEST:
                raise _missing(
                    "A102", f"the file {path} is larger than 64 KiB", "A secret's file holds the secret alone"
                )
            text = content.decode()
        except OSError as error:
            raise _missing("A101", f"the file {path} can't be read: {error.strerror}", "Mount or create it") from error
        except UnicodeDecodeError:
            raise _missing("A102", f"the file {path} isn't UTF-8 text", "Write the secret as text") from None
        return text.removesuffix("\n").removesuffix("\r")


def _checked(text: str, where: str) -> Secret:
    if not text or "\0" in text:
        raise _missing("A102", f"{where} is empty or holds a NUL", "Put the secret there")
    return Secret(text)


def _missing(code: str, what: str, mend: str) -> AccountError:
    return account_failure(code, f"{what[0].upper()}{what[1:]}. {mend}, or correct the reference.")
