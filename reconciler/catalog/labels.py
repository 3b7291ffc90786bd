"""The core data-usage labels: what a column's data may not be used for, or is. Names as marketing platforms use them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Final

CORE_LABELS: Final = MappingProxyType(
    {
        "C1": "Leaves as an aggregate only, never as rows about people.",
        "C2": "Isn't exported to third parties.",
        "C3": "Isn't combined with what identifies people directly.",
        "C4": "Isn't used to target advertisements or content, on one's own site or across sites; covers C5, C6 and C7.",
        "C5": "Isn't used to target people by their interests across sites.",
        "C6": "Isn't used to target advertisements on one's own site.",
        "C7": "Isn't used to choose content for people on one's own site.",
        "C8": "Isn't used to measure sites and apps.",
        "C9": "Isn't used for data science.",
        "C10": "Isn't used to activate identities that were stitched together.",
        "C11": "Isn't shared for matching segments with partners.",
        "C12": "Isn't exported at all.",
        "I1": "Identifies a person directly, such as a name or an e-mail address, hashed ones too.",
        "I2": "Identifies a person together with other data.",
        "S1": "Says precisely where a person is.",
        "S2": "Says where a person is as exactly as a geofence.",
        "PSPD": "Sensitive personal data that may be used, by a permission of its own.",
        "RHD": "Health data that the law regulates.",
        "third-party": "Was provided by a partner.",
    }
)
"""Name to what it says of a column, in a sentence."""
