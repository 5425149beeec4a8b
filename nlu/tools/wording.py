"""Normalised texts with their lemmas, as the tools need them for grouping and clustering."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from nlu.model.features import near_duplicate_groups
from nlu.model.lemmas import Lemmas, learn_lemmas
from nlu.pack.rasa_yaml import Example
from nlu.text.normalise import normalise


def normalised(examples: Sequence[Example], lang: str) -> list[str]:
    """The texts as the classifier reads them."""
    return [normalise(example.text, lang) for example in examples]


def lemmas_of(texts: Sequence[str], lang: str) -> Lemmas:
    """Lemmas of all words of `texts`, by the dictionary (the first look-up of a language opens it: seconds)."""
    return learn_lemmas({word for text in texts for word in text.split()}, lang)


def duplicate_groups(texts: Sequence[str], lang: str) -> NDArray[np.intp]:
    """Group number of each text; near-duplicates share one."""
    return near_duplicate_groups(texts, lemmas_of(texts, lang))
