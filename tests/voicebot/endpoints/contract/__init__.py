"""What every leg must do, whatever network is behind it. A new kind of leg adds one opener to `conftest.OPENERS`."""
