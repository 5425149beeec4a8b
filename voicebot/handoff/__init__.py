"""Handing a call over to people: the record an agent sees, where it is kept, who is told, and the transfer itself."""
