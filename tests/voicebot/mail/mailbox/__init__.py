"""A mailbox read by IMAP."""
