"""Secrets of AWS Secrets Manager, by ARN. boto3 loads with the first of them, and finds credentials and endpoint as it does anywhere."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Final

from reconciler.accounts.aws_errors import plain_error
from reconciler.accounts.errors import account_failure
from reconciler.errors import MissingExtra
from reconciler.resources.secrets import FromAwsSecret
from reconciler.version import __version__

if TYPE_CHECKING:
    from botocore.exceptions import ClientError

KEPT: Final = 600.0
"""Seconds for which an answer serves: as long as a session does, so that what was rotated is picked up."""
_GONE: Final = frozenset({"ResourceNotFoundException", "InvalidRequestException"})
_DENIED: Final = {"AccessDeniedException": "secretsmanager:GetSecretValue", "DecryptionFailure": "kms:Decrypt"}


class AwsSecrets:
    """What Secrets Manager answered, in memory alone: a secret of several keys is asked for once. Threads may share it."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str | None, str], tuple[float, str]] = {}

    def text(self, ref: FromAwsSecret, profile: str | None) -> str:
        """The secret's text, or what stands under its key. `profile`: None means ambient credentials.

        Raises `AccountError` that never says what the secret holds, `MissingExtra`.
        """
        arn = ref.from_aws_secret
        with self._lock:
            asked, text = self._known.get((profile, arn), (float("-inf"), ""))
            if self._clock() - asked >= KEPT:
                text = _asked(arn, profile)
                self._known[profile, arn] = self._clock(), text
        return text if ref.key is None else _under(ref.key, text, arn)


def _asked(arn: str, profile: str | None) -> str:
    try:
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError, ClientError
    except ImportError as error:
        raise MissingExtra("s3", "reading a secret of AWS Secrets Manager") from error
    config = Config(
        retries={"mode": "standard", "total_max_attempts": 3},
        connect_timeout=10,
        read_timeout=30,
        user_agent_extra=f"reconciler/{__version__}",
    )
    try:
        session = boto3.Session(profile_name=profile)
        client = session.client("secretsmanager", region_name=arn.split(":")[3], config=config)
        answer = client.get_secret_value(SecretId=arn)
    except ClientError as error:
        raise _refused(arn, error) from error
    except BotoCoreError as error:
        raise plain_error(error) from error
    if "SecretString" not in answer:
        raise account_failure("A102", f"The secret {arn} is binary. Store it as text, or correct the reference.")
    return answer["SecretString"]


def _refused(arn: str, error: ClientError) -> Exception:
    code = error.response.get("Error", {}).get("Code", "")
    if code in _DENIED:
        return account_failure(
            "A108",
            f"{arn}: AWS answered {code}. The credentials that reconcile runs with need {_DENIED[code]} for this secret.",
        )
    if code in _GONE:
        why = "There is no such secret" if code == "ResourceNotFoundException" else "It is marked for deletion"
        return account_failure("A101", f"{arn}: {why}. Create or restore it, or correct the reference.")
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if status >= 500 or code == "ThrottlingException":
        return account_failure("A106", f"{arn}: AWS answered {code}, also after trying again.")
    return account_failure("A104", f"{arn}: AWS answered {code}. Sign in again, or correct the credentials.")


def _under(key: str, text: str, arn: str) -> str:
    found: Any = _parsed(text)
    if not isinstance(found, dict):
        raise account_failure(
            "A102",
            f"The secret {arn} isn't a JSON object, and the reference names a key of one. Remove key, or store it as "
            "one.",
        )
    if key not in found:
        raise account_failure("A101", f"The secret {arn} has no key {key}. Add it there, or correct the reference.")
    value = found[key]
    if not isinstance(value, str):
        raise account_failure("A102", f"What stands under {key} in the secret {arn} isn't text. Store it as text.")
    return value


def _parsed(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):  # raised further, it would carry the text along
        return None
