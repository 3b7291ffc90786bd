"""What client libraries log of URLs, without the parts that are secrets."""

from __future__ import annotations

import logging
import re
from typing import Final

_SECRETS: Final = re.compile(r"\b(sig|upload_id)=[^&\s\"']+")


class _Mask(logging.Filter):
    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if _SECRETS.search(message):
            record.msg, record.args = _SECRETS.sub(r"\1=***", message), ()
        return True


_MASK: Final = _Mask()


def mask_urls() -> None:
    """urllib3 logs URLs at level DEBUG: Azure's hold shared access signatures, Google's what continues an upload. Adding the same filter
    twice does nothing."""
    for name in ("urllib3.connectionpool", "urllib3.util.retry"):
        logging.getLogger(name).addFilter(_MASK)
