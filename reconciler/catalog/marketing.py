"""The core marketing actions: what a recipient may do with the people it is given. Names as marketing platforms use them."""

from __future__ import annotations

CORE_ACTIONS: tuple[str, ...] = (
    "analytics",
    "combine-with-directly-identifiable",
    "cross-site-targeting",
    "data-science",
    "email-targeting",
    "export-to-third-party",
    "onsite-advertising",
    "onsite-personalization",
    "segment-match",
    "single-identity-personalization",
)
