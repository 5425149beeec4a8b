"""The default bundle, loaded once."""

from __future__ import annotations

import pytest

from dialogs import Bundle, load_bundle


@pytest.fixture(scope="session")
def bundle() -> Bundle:
    return load_bundle()
