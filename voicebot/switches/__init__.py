"""Switches for bad days (surge, closure): what may be ordered, their history in SQL, and what callers would hear."""
