"""The core marketing actions: what a recipient may do with the people it is given. Names as marketing platforms use them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

THIRD_PARTY: Final = "export-to-third-party"
"""What a destination with a recipient is used for, whatever else it says."""

CORE_ACTIONS: Final = MappingProxyType(
    {
        "analytics": "Measure how sites, apps and campaigns are used.",
        "combine-with-directly-identifiable": "Join the data with what identifies people directly.",
        "cross-site-targeting": "Target advertisements by what people did on other sites.",
        "data-science": "Train models, or look for patterns.",
        "email-targeting": "Choose whom to write to, and what.",
        THIRD_PARTY: "Give the data to another organisation.",
        "onsite-advertising": "Choose advertisements on one's own site or app.",
        "onsite-personalization": "Choose content on one's own site or app.",
        "segment-match": "Find out which people a partner knows too.",
        "single-identity-personalization": "Choose content for one person by an identity that joins several sources.",
    }
)
"""Name to what it is, in a sentence."""
