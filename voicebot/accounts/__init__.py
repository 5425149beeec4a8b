"""People and programs that may use the service's pages and API: users, log-in, roles, sessions, tokens."""
