"""What a process of ours asks of the system."""

from __future__ import annotations

import resource

_MOST_FILES = 65_536


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one, or 65,536 if that is less. Returns the limit."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = _MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, _MOST_FILES)
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return soft
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return wanted
