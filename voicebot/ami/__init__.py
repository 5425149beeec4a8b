"""The Asterisk Manager Interface: the connection, by TLS or plain, and its messages. Knows nothing of what is asked or told."""
