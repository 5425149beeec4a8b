"""A month of traffic: the simulated callers of `bench.talk`, held by the real engine and classifier, kept as call records."""
