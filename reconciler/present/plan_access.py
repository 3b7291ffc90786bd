"""What permissions are judged by, as people read it: who may do what and where, what a policy denies, which column has which label."""

from __future__ import annotations

import json
from typing import Any

from pydantic import ValidationError

from reconciler.resources.identity import IdentitySpec
from reconciler.resources.policy import PolicySpec, said
from reconciler.resources.role import RoleSpec, Subject


def access_value(path: str, text: str) -> str:
    """One side of a field that differs. What an older or newer version wrote is shown as it is."""
    if not text.startswith(("{", "[")):
        return text
    try:
        return _value(path.split("."), json.loads(text))
    except (ValueError, ValidationError):
        return text


def _value(path: list[str], value: Any) -> str:
    match path:
        case ["roles", _]:
            return _role(RoleSpec.model_validate(value))
        case ["roles", *_, "subjects"]:
            return ", ".join(Subject.model_validate(each).said for each in value)
        case ["policies", _]:
            return _policy(PolicySpec.model_validate(value))
        case ["policies", _, "deny"]:
            return said(PolicySpec(deny=value).deny or "")
        case ["identity"]:
            return _identity(IdentitySpec.model_validate(value))
        case ["columns", _]:
            return ", ".join(f"{name} [{', '.join(labels)}]" for name, labels in sorted(value.items()))
        case ["destinations", _] | ["roles", *_, "matchLabels"]:
            return ", ".join(f"{name}={label}" for name, label in sorted(value.items()))
        case _ if isinstance(value, list) and all(isinstance(each, str) for each in value):
            return ", ".join(value) or "(none)"
        case _:
            return json.dumps(value, sort_keys=True, ensure_ascii=False)


def _role(role: RoleSpec) -> str:
    """`group growth, user ana: view-destinations, activate-destinations on team=growth`."""
    on = list(role.destinations or ())
    if role.destination_selector is not None:
        on += [f"{name}={label}" for name, label in sorted(role.destination_selector.match_labels.items())]
    whom = ", ".join(each.said for each in role.subjects)
    return f"{whom}: {', '.join(role.grants)}" + (f" on {', '.join(on)}" if on else "")


def _policy(policy: PolicySpec) -> str:
    """`denies C3 AND I1 for email-targeting (draft)`."""
    parts = [f"denies {said(policy.deny)}"] if policy.deny is not None else []
    parts += [f"for {', '.join(policy.marketing_actions)}"] if policy.marketing_actions else []
    status = f"({policy.status})" if parts and policy.status != "enabled" else "" if parts else policy.status
    found = " ".join(filter(None, (*parts, status)))
    return f"{found}: {policy.reason}" if policy.reason else found


def _identity(identity: IdentitySpec) -> str:
    keys = identity.keys.file or identity.keys.url
    claims = f"{identity.user_claim} and {identity.groups_claim}"
    return f"tokens of {identity.issuer} for {identity.audience}: {claims}; {', '.join(identity.algorithms)} by {keys}"
