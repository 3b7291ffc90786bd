"""Text that looks like a key: found anywhere in a file, and never shown by whoever quotes a line."""

from __future__ import annotations

import re

from reconciler.config.text import place
from reconciler.diagnostics import Diagnostic, diagnose

# Forms that nothing else has. AWS: IAM user guide, "Unique identifiers"; the others by their vendors' fixed prefixes.
_ACCESS_KEY = r"(?<![A-Za-z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])"
_PRIVATE_KEY = r"-----BEGIN [A-Z0-9 ]*PRIVATE KEY(?: BLOCK)?-----"
_OTHERS = (
    r"(?<![A-Za-z0-9])gh[opsru]_[A-Za-z0-9]{36}",
    r"(?<![A-Za-z0-9])github_pat_[A-Za-z0-9_]{50}",
    r"(?<![A-Za-z0-9])glpat-[A-Za-z0-9_-]{20}",
    r"(?<![A-Za-z0-9])xox[abprs]-[A-Za-z0-9-]{20}",
    r"(?<![A-Za-z0-9])AIza[A-Za-z0-9_-]{35}",
    r"(?<![A-Za-z0-9])sk_live_[A-Za-z0-9]{20}",
    r"AccountKey=[A-Za-z0-9+/]{40}",
)
_KEYS = re.compile("|".join((_ACCESS_KEY, _PRIVATE_KEY, *_OTHERS)))
_HINTS = (
    *("AKIA", "ASIA", "ABIA", "ACCA", "PRIVATE KEY", "ghp_", "gho_", "ghs_", "ghr_", "ghu_"),
    *("github_pat_", "glpat-", "xox", "AIza", "sk_live_", "AccountKey="),
)
_SECRET_HALF = re.compile(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")
_RUN = re.compile(r"[A-Za-z0-9/+]{40,}")
_NEARBY = 400
_MAX_FINDINGS = 50

# In a quoted line more is hidden than is reported: long runs of key-like characters, what follows a telling name, and
# the user part of a URL.
_HIDE = re.compile(
    r"(?P<run>[A-Za-z0-9/+=_-]{40,})"
    r"|(?i:(?P<name>[\w-]{0,40}(?:secret|passw|passphrase|pwd|token(?!url)|credential|private_?key|access_?key|api_?key|external_?id)[\w-]{0,40}[\"']?\s*[:=]\s*)[^\s{].*)"
    r"|(?P<user>://[^\s/@]+@)"
)
HIDDEN = "•••"


def find_keys(path: str, text: str) -> list[Diagnostic]:
    """A finding for each thing in a file's text that looks like a key. The thing itself is in none of them."""
    findings: list[Diagnostic] = []
    if not any(hint in text for hint in _HINTS):  # fifty times cheaper, and nearly always enough
        return findings
    for found in _KEYS.finditer(text):
        findings.append(_finding(path, text, found.start()))
        if found[0][:4] in ("AKIA", "ASIA", "ABIA", "ACCA"):
            around = range(max(0, found.start() - _NEARBY), min(len(text), found.end() + _NEARBY))
            halves = _SECRET_HALF.finditer(text, around.start, around.stop)
            findings += [_finding(path, text, half.start()) for half in halves if _mixed(half[0])]
        if len(findings) >= _MAX_FINDINGS:
            break
    return sorted(set(findings))


def looks_like_key(text: str) -> bool:
    """Whether a value holds a key, or may be the secret half of one."""
    return _KEYS.search(text) is not None or any(_mixed(half[0]) for half in _SECRET_HALF.finditer(text))


def redact(text: str) -> str:
    """A sentence without what looks like a key."""
    return _RUN.sub(lambda half: HIDDEN if _mixed(half[0]) else half[0], _KEYS.sub(HIDDEN, text))


def scrub(line: str) -> str:
    """A line that can be shown: what might be a secret is replaced. Positions may move."""
    return _HIDE.sub(_hidden, line) if not _KEYS.search(line) else HIDDEN


def _hidden(found: re.Match[str]) -> str:
    if found["name"]:
        return f"{found['name']}{HIDDEN}"
    if found["user"]:
        return f"://{HIDDEN}@"
    return HIDDEN if _mixed(found["run"]) else found["run"]


def _mixed(run: str) -> bool:
    return (
        any(char.isupper() for char in run)
        and any(char.islower() for char in run)
        and any(char.isdigit() for char in run)
    )


def _finding(path: str, text: str, index: int) -> Diagnostic:
    detail = (
        "The text here has the form of an access key or a private key. Name it instead, such as {fromEnv: NAME}, and "
        "revoke it if it was ever real: it is in git's history."
    )
    return diagnose("S102", place(path, text, index), detail)
