"""The language a number's country suggests: a hint to offer, never a choice made for the caller."""

from __future__ import annotations

# Only countries whose callers a Polish hotline would otherwise greet in a language they may not follow. Most other foreign
# numbers belong to Poles living there, so they give no hint.
_BY_REGION = {
    "UA": "uk",
    **dict.fromkeys(("GB", "IE", "US", "CA", "AU", "NZ", "IN", "NG", "ZA", "MT", "IM", "JE", "GG"), "en"),
}


def language_of_region(region: str | None) -> str | None:
    """ISO 639 code suggested by a number's region (ISO 3166), or None when the line's own language should be used."""
    return _BY_REGION.get(region or "")
