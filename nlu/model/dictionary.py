"""The dictionary of word forms, as a program of its own: `python -m nlu.model.dictionary LANG` reads a JSON list of words and answers with
a list of their lemmas. See `nlu.model.lemmas` for why.
"""

from __future__ import annotations

import json
import sys


def look_up(words: list[str], lang: str) -> list[str]:
    """The lemma of each word; a language without a dictionary keeps words as they are."""
    from simplemma import Lemmatizer
    from simplemma.strategies.default import DefaultStrategy
    from simplemma.strategies.dictionaries.dictionary_factory import SUPPORTED_LANGUAGES
    from simplemma.strategies.dictionaries.stream_dictionary_factory import StreamDictionaryFactory

    if lang not in SUPPORTED_LANGUAGES:
        return words
    lemmatizer = Lemmatizer(lemmatization_strategy=DefaultStrategy(dictionary_factory=StreamDictionaryFactory()))
    return [str(lemmatizer.lemmatize(word, lang=lang)) for word in words]


if __name__ == "__main__":
    json.dump(look_up(json.load(sys.stdin), sys.argv[1]), sys.stdout)
