"""Commands for what is kept: records, customers, backups, all that is known of one person."""
