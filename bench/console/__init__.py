"""The console on a million calls: the database is filled, every page is asked, and the calls are heard with and without it."""
