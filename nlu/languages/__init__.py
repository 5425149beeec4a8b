"""One module per language, behind the contract in `language.py`. A language is known once its module is in this folder."""

from __future__ import annotations

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType

from nlu.languages.language import Language


@cache
def languages() -> Mapping[str, Language]:
    """Every language that has a module here, by its code, in alphabetical order of the codes."""
    modules = (import_module(f"{__name__}.{found.name}") for found in pkgutil.iter_modules(__path__) if found.name != "language")
    known = {module.LANGUAGE.code: module.LANGUAGE for module in modules}
    return MappingProxyType(dict(sorted(known.items())))
