"""The web process: the API for the bank's systems and agents, and the chat. It shares state and records with the calls, and
nothing else: what happens here costs no caller anything. Personal data only behind the token.
"""
