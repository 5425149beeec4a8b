"""What a process tells of itself and its machine."""

from __future__ import annotations

import platform
import shutil
from collections.abc import Callable
from pathlib import Path

from voicebot import __version__
from voicebot.metrics.registry import Metrics


def tell_build(metrics: Metrics, *, bundle: Callable[[], str]) -> None:
    """Which version runs, on which data; `bundle` is the version of the one in force."""
    metrics.read_from("voicebot_build_info", lambda: [((__version__, bundle(), platform.python_version()), 1.0)])


def read_disk(metrics: Metrics, folder: Path) -> None:
    """The room where `folder` is. While it is not there, nothing is told."""
    metrics.read_from("voicebot_data_free_bytes", lambda: shutil.disk_usage(folder).free)
    metrics.read_from("voicebot_data_size_bytes", lambda: shutil.disk_usage(folder).total)
