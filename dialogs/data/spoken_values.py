"""What a value inside a prompt may be called, and the kind it is spoken as (see `audio.spoken`)."""

from __future__ import annotations

from collections.abc import Mapping

KNOWN_VALUES: Mapping[str, str] = {
    "matter": "prompt",  # matter.<intent>: what the call is about
    "second": "prompt",  # matter.<intent>: the other matter
    "queue": "prompt",  # queue.<name>: who is being called
    "wait": "minutes",
    "opens": "hour",
    "opens_day": "prompt",  # day.today, day.tomorrow, day.mon…; in a week and later day.date
    "calls": "hour",  # when the callback will be made
    "calls_day": "prompt",
    "date": "date",  # of opens_day or calls_day, for the text day.date
    "number": "phone",
    "number_digits": "digits",  # the same, read out one by one
    "what": "prompt",  # a menu option's name
    "first": "prompt",  # matter.<intent>: the matters to choose from
    "middle": "prompt",
    "last": "prompt",
    "key": "number",
    "pair": "text",  # the two words that the caller's app shows
}
