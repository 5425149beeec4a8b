"""Single words that answer closed questions, as the embedded recogniser hears them: `python -m bench.closed`.

English yes and no and digits in the neural voice at three speeds and in three of espeak-ng's accents, with noise, over a
telephone band; and words that are a new matter instead, which must not become an answer.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from pathlib import Path

from audio.recognisers.decoding import WhisperDecoder, to_whisper
from audio.recognisers.weights import WHISPER_BASE, joined
from audio.synthesis import EspeakVoice, PiperVoice, embedded_piper_model
from bench.asr import telephone
from bench.heard import NOISE_DB, Mouth, noisy
from nlu.text.number_words import numbers_to_digits
from voicebot.figures.estimates import wilson

MEANINGS = {
    "yes_no": {"yes": "yes", "yeah": "yes", "that's right": "yes", "correct": "yes", "no": "no", "nope": "no"},
    "digits": {word: word for word in "zero one two three four five six seven eight nine".split()},
}
MATTERS = (
    "mortgage",
    "my card",
    "balance",
    "lost card",
    "fraud",
    "a transfer",
    "loan",
    "insurance",
    "savings",
    "stolen",
    "login",
)
_AROUND_S = 0.25  # silence before and after


def mouths() -> Iterator[Mouth]:
    """Who speaks."""
    model = embedded_piper_model()
    if model is not None:
        neural = PiperVoice(model)
        yield from (Mouth("neural", neural, speed) for speed in (0.95, 1.05, 1.25))
    yield from (Mouth("espeak-ng", EspeakVoice(name), 1.05) for name in ("en-gb+f1", "en-us+m2", "en-gb+m5"))


async def heard(decoder: WhisperDecoder, mouth: Mouth, word: str, expect: str) -> str:
    """The best reading of one word, numbers as figures; "" when there is none."""
    sound = await mouth.voice.synthesise(f"{word}.", mouth.speed)
    draw = random.Random(f"{word} {mouth.name} {mouth.speed}")
    samples = noisy(to_whisper(sound.pcm, sound.sample_rate), draw.uniform(*NOISE_DB), draw.getrandbits(32))
    pcm, rate = telephone(samples)
    around = bytes(2 * round(_AROUND_S * rate))
    readings = await asyncio.to_thread(decoder.readings, around + pcm + around, rate, "en", expect)
    return numbers_to_digits(readings[0].text.casefold().strip(" .,!?"), "en") if readings else ""


async def main() -> None:
    """Measure and print, with Wilson's 95 % intervals."""
    decoder = WhisperDecoder(joined(WHISPER_BASE, Path.home() / ".cache" / "voicebot"), workers=1)
    speakers = list(mouths())
    for expect, meanings in MEANINGS.items():
        for name in dict.fromkeys(speaker.name for speaker in speakers):
            own = [speaker for speaker in speakers if speaker.name == name]
            right = [
                meanings.get(found, found) == numbers_to_digits(meaning, "en")
                for speaker in own
                for word, meaning in meanings.items()
                for found in [await heard(decoder, speaker, word, expect)]
            ]
            _tell(f"{expect}, {name}: right", right)
        answers = set(meanings) | {numbers_to_digits(word, "en") for word in meanings}
        taken = [await heard(decoder, speakers[0], matter, expect) in answers for matter in MATTERS]
        _tell(f"{expect}: new matters taken for an answer", taken)
    for voice in {id(speaker.voice): speaker.voice for speaker in speakers}.values():
        await voice.close()


def _tell(what: str, found: list[bool]) -> None:
    interval = wilson(sum(found), len(found))
    print(f"{what}: {sum(found)} of {len(found)} ({interval.low:.0%} to {interval.high:.0%})", flush=True)


if __name__ == "__main__":
    asyncio.run(main())
