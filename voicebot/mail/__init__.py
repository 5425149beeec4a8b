"""E-mail steering: what a written message is about, which queue reads it, how urgent it is and what is missing in it.

`own_words` cuts away what is not the sender's wish, `sentences` splits the rest, `matter` combines what the classifier says of
each sentence, `steering` decides; `service` keeps and hands over, `mailbox` reads a mailbox by IMAP.
"""
