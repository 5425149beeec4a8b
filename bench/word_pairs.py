"""Whether the word pairs come over a telephone: `python -m bench.word_pairs LANGUAGE… [--rounds N] [--out TABLE.tsv]`.

Each round says every adjective with another noun, as the default bundle does, by the embedded voice, down a telephone line, and
has the embedded recogniser write what it hears: of the whole sentence, and of the pair said twice, for a person knows the
sentence. What was heard in place of a word is compared with all words of its list, by letters and by sounds (espeak-ng's): the
word has come over when none is nearer to all of it together. Whoever compares two words does the same.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from rapidfuzz.distance import Levenshtein

from audio.loudness import Floats
from audio.recognisers.decoding import WhisperDecoder, to_whisper
from audio.recognisers.features import SAMPLE_RATE
from audio.recognisers.weights import WHISPER_BASE, joined
from audio.synthesis import EspeakVoice, PiperVoice, Voice, embedded_piper_model
from bench.asr import telephone
from caller_id.word_pairs import WORD_LISTS
from dialogs.data.bundle import Bundle, load_bundle
from nlu.text.normalise import normalise

PAUSE_S = 0.3  # between the prompts
STEP = 37  # from one adjective's noun to the next one's; prime to 128, so that no pair comes twice


@dataclass(frozen=True, slots=True)
class Spoken:
    """One pair as it was said and heard. `parts` are what was heard in place of each word, each time it was said."""

    words: tuple[str, str]
    parts: tuple[tuple[str, str], ...]


def sentence(bundle: Bundle, language: str, pair: str) -> list[str]:
    """The prompts that carry a pair."""
    told = bundle.prompts.files[language].prompts
    words, again = (told[name].text for name in ("app_words", "app_words_again"))
    return [words, f"{pair}.", again, f"{pair}."]


def pairs_of(language: str, number: int) -> Iterator[tuple[str, str]]:
    """Every adjective once and every noun once, in other pairs each round."""
    lists = WORD_LISTS[language]
    for place, adjective in enumerate(lists.adjectives):
        yield adjective, lists.nouns[(place * STEP + number * 11) % len(lists.nouns)]


async def sound(voice: Voice, texts: Sequence[str]) -> Floats:
    """The texts one after another, at 16 kHz."""
    pause = np.zeros(int(PAUSE_S * SAMPLE_RATE), dtype=np.float32)
    spoken: list[Floats] = []
    for text in texts:
        said = await voice.synthesise(text)
        spoken += [to_whisper(said.pcm, said.sample_rate), pause]
    whole: Floats = np.concatenate(spoken)
    return whole


def in_place_of(said: Sequence[str], heard: str) -> list[str]:
    """What was heard in place of each word of what was said: `heard`, cut where the letters of both run together best."""
    text, ends = " ".join(said), _ends(said)
    where = [0] * (len(text) + 1)
    for each in Levenshtein.opcodes(text, heard):
        for at in range(each.src_start, each.src_end + 1):
            beside = each.dest_start + at - each.src_start
            where[at] = min(beside, each.dest_end) if each.tag != "insert" else each.dest_end
    where[-1] = len(heard)
    return [heard[where[start] : where[end]].strip() for start, end in ends]


def _ends(said: Sequence[str]) -> list[tuple[int, int]]:
    starts = np.cumsum([0, *(len(word) + 1 for word in said)])
    return [(int(start), int(start) + len(word)) for start, word in zip(starts, said, strict=False)]


@cache
def sounds(text: str, language: str) -> str:
    """How a text sounds, in espeak-ng's letters, without stress and length."""
    voice = {"en": "en-us"}.get(language, language)
    command = ("espeak-ng", "-q", "--ipa", "-v", voice, text)
    told = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    return "".join(each for each in told if each.isalpha())


def nearest(part: str, words: Sequence[str], language: str) -> Mapping[str, float]:
    """How far each word of a list is from what was heard, 0 the same, 1 nothing in common: by letters or sounds, the nearer."""
    letters = {word: Levenshtein.normalized_distance(word, part) for word in words}
    spoken = sounds(part, language) if part else ""
    return {
        word: min(letter, Levenshtein.normalized_distance(sounds(word, language), spoken)) for word, letter in letters.items()
    }


def comes_over(word: str, parts: Sequence[str], words: Sequence[str], language: str) -> tuple[bool, str]:
    """Whether `word` is the nearest of its list to what was heard, all times together; and the nearest other."""
    far = [nearest(part, words, language) for part in parts]
    together = {each: sum(one[each] for one in far) for each in words}
    other = min((each for each in words if each != word), key=together.__getitem__)
    return together[word] < together[other], other


async def heard_pairs(language: str, rounds: int, voice: Voice, decoder: WhisperDecoder) -> list[Spoken]:
    """Every pair of these rounds, said and heard."""
    bundle, found = load_bundle(), []
    for number in range(rounds):
        for adjective, noun in pairs_of(language, number):
            pair = f"{adjective} {noun}"
            told = sentence(bundle, language, pair)
            parts = [part for texts in (told, told[1::2]) for part in await _heard(texts, pair, language, voice, decoder)]
            found.append(Spoken((adjective, noun), tuple(parts)))
    return found


async def _heard(texts: Sequence[str], pair: str, language: str, voice: Voice, decoder: WhisperDecoder) -> list[tuple[str, str]]:
    """What was heard in place of the two words, each time they are said in these texts."""
    pcm, rate = telephone(await sound(voice, texts))
    readings = await asyncio.to_thread(decoder.readings, pcm, rate, language)
    heard = normalise(readings[0].text, "pl") if readings else ""
    said = [normalise(text, "pl").split() for text in texts]
    parts, found, at = in_place_of([word for words in said for word in words], heard), [], 0
    for words in said:
        if words == pair.split():
            found.append((parts[at], parts[at + 1]))
        at += len(words)
    return found


def report(language: str, found: Sequence[Spoken], table: csv.DictWriter[str] | None) -> None:
    """The figures, and every word that did not come over in each of its pairs."""
    lists = WORD_LISTS[language]
    for place, (name, words) in enumerate((("adjectives", lists.adjectives), ("nouns", lists.nouns))):
        came: dict[str, list[bool]] = {word: [] for word in words}
        exact = 0
        for spoken in found:
            word, parts = spoken.words[place], [part[place] for part in spoken.parts]
            ok, other = comes_over(word, parts, words, language)
            came[word].append(ok)
            exact += word in parts
            row = {"language": language, "word": word, "heard": " / ".join(parts), "ok": ok, "nearest_other": other}
            if table is not None:
                table.writerow(row)
            if not ok:
                print(f"  {word}: heard as '{row['heard']}', which is as near to '{other}'", flush=True)
        right = sum(all(each) for each in came.values())
        print(f"{language} {name}: {right} of {len(words)} told apart, {exact} of {len(found)} letter for letter", flush=True)


async def main(languages: Sequence[str], rounds: int, out: Path | None) -> None:
    """Say, hear, and print."""
    decoder = WhisperDecoder(joined(WHISPER_BASE, Path.home() / ".cache" / "voicebot"), workers=1)
    model = embedded_piper_model()
    file = out.open("w", encoding="utf-8", newline="") if out is not None else None
    try:
        table = csv.DictWriter(file, ["language", "word", "heard", "ok", "nearest_other"], delimiter="\t") if file else None
        for language in languages:
            voice: Voice = PiperVoice(model) if language == "en" and model else EspeakVoice(language)
            report(language, await heard_pairs(language, rounds, voice, decoder), table)
            await voice.close()
    finally:
        if file is not None:
            file.close()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m bench.word_pairs", description=__doc__)
    parser.add_argument("languages", nargs="+", choices=sorted(WORD_LISTS))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    asyncio.run(main(asked.languages, asked.rounds, asked.out))
