"""The SIP stack's own log lines, fit to be kept: no phone number above the debug level."""

from __future__ import annotations

import logging
import re

_NUMBER = re.compile(r"\+?\d{6,}")
_LOGGERS = ("baresip.native", "baresip.call", "baresip.ua")


class NumberMask(logging.Filter):
    """Masks phone numbers in the stack's lines, and drops the far end's address that it attaches to them."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask, never drop."""
        if record.levelno > logging.DEBUG:
            record.msg = _NUMBER.sub("<number>", record.getMessage())
            record.args = ()
            record.__dict__.pop("peer", None)
        return True


def mask_stack_logs() -> None:
    """Put the mask on the stack's loggers; harmless when it is there."""
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not any(isinstance(item, NumberMask) for item in logger.filters):
            logger.addFilter(NumberMask())
