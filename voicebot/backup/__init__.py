"""Backup and restore of everything that is kept: one archive with a checksum of every file.

`create.back_up` and `restoring.restore` are all others need; `parts` says what is kept and where.
"""
