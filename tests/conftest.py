"""Settings for every test: hypothesis examples are not timed, since machines that run tests are shared and slow at times."""

from hypothesis import settings

settings.register_profile("shared-machine", deadline=None)
settings.load_profile("shared-machine")
