"""One conversation being served, whatever its channel: session, driver, journal, and the rescue when something breaks."""
