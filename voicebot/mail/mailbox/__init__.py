"""A mailbox read by IMAP: a process of its own that gives each mail to the API, once, and marks it when the API has it."""
