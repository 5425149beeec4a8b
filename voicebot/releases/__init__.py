"""Releases: what callers meet (bundle, training data, models), addressed by its content, approved by four eyes, and switched
at once.
"""
