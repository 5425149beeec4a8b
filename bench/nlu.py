"""`make bench-nlu DATA=…`: the classifier on public data sets and on our own callers' lines, beside what was reached before.

What is measured is what serves: `nlu.model.training.train` and `nlu.model.scorer.Scorer`, embeddings made afresh.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import numpy as np
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from bench.nlu_callers import CALLERS, CallersFigures, RasaFigures, ask_rasa, measure_callers
from bench.nlu_measures import accepted_and_right, auroc, calibration_error, macro_f1
from bench.nlu_tasks import TASKS, MissingData, Task, read_tsv
from nlu.model.scorer import Model, Scored, Scorer
from nlu.model.semantic import SentenceEncoder
from nlu.model.store import save
from nlu.model.training import Utterances, train
from nlu.understanding.loading import find_encoder

_CHUNK = 128
_TIMED = 300

Tell = Callable[[float, str], None]


@dataclass(frozen=True, slots=True)
class TestFigures:
    """One in-scope test set: accuracy, macro-F1 and calibration error, 0..1."""

    count: int
    accuracy: float
    f1: float
    ece: float


@dataclass(frozen=True, slots=True)
class TaskFigures:
    """One data set. `tests` by name; `outside`: AUROC, and accepted-and-right at 5 % false accepts (0..1), by name of the set."""

    task: Task
    tests: dict[str, TestFigures]
    outside: dict[str, tuple[float, float]]
    train_cpu_s: float
    p50_ms: float
    p95_ms: float
    model_mb: float

    def bars(self) -> Iterator[tuple[str, float, float]]:
        """Each bar of this data set: what, reached, wanted."""
        task = self.task
        if task.least_accuracy is not None:
            yield f"{task.name} accuracy", 100 * next(iter(self.tests.values())).accuracy, task.least_accuracy
        if task.least_auroc is not None:
            yield f"{task.name} AUROC", max(score for score, _ in self.outside.values()), task.least_auroc


@dataclass(slots=True)
class _Results:
    tasks: list[TaskFigures] = field(default_factory=list)
    callers: list[CallersFigures] = field(default_factory=list)
    rasa: list[RasaFigures] = field(default_factory=list)


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure and print; 2 when the data are not there, else 0: a bar that is missed is printed, not an error."""
    options = _options(arguments)
    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=190)
    tasks = [task for task in TASKS if options.only in ("", task.name)]
    languages = [lang for lang in CALLERS if options.only in ("", f"callers-{lang}")]
    if not tasks and not languages:
        names = ", ".join([*(task.name for task in TASKS), *(f"callers-{lang}" for lang in CALLERS)])
        console.print(f"--only {options.only}: no such data set. There are: {names}")
        return 2
    encoder = None if options.without_embeddings else find_encoder(None)
    results = _Results()
    try:
        for task in tasks:
            with _progress(task.name) as tell:
                results.tasks.append(measure_task(task, Path(options.data), encoder, tell))
            console.print(_line(results.tasks[-1]))
        for lang in languages:
            with _progress(f"callers-{lang}") as tell:
                results.callers.append(measure_callers(lang, encoder is not None, tell))
                if options.rasa and options.rasa_lang == lang:
                    results.rasa.append(ask_rasa(options.rasa, lang, tell))
    except MissingData as err:
        console.print(str(err), markup=False)
        return 2
    except httpx.HTTPError as err:
        console.print(
            f"{options.rasa}/model/parse does not answer ({err}). Start the server with `make rasa`, or leave out --rasa",
            markup=False,
        )
        return 2
    _report(console, results)
    return 0


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench.nlu", description=__doc__)
    parser.add_argument("data", help="folder of the public data sets")
    parser.add_argument("--only", default="", metavar="NAME", help="one data set, like banking77 or callers-pl")
    parser.add_argument("--rasa", default="", metavar="URL", help="a Rasa server to compare with on our callers' lines")
    parser.add_argument("--rasa-lang", default="pl", metavar="LANG", help="the language its model was trained on (default: pl)")
    parser.add_argument(
        "--without-embeddings", action="store_true", help="the margin head alone, as without the optional package"
    )
    return parser.parse_args(arguments)


def measure_task(task: Task, data: Path, encoder: SentenceEncoder | None, tell: Tell) -> TaskFigures:
    """Train on a data set and answer its tests. Raises MissingData."""
    texts, labels = read_tsv(data / task.train)
    tests = {name: read_tsv(data / file, column, every) for name, (file, column, every) in task.tests.items()}
    outside = {name: read_tsv(data / file)[0] for name, file in task.outside.items()}
    began = time.process_time()
    model = train(
        Utterances(tuple(texts), tuple(labels)),
        task.language,
        embed=encoder.encode_many if encoder else None,
        progress=lambda share, what: tell(0.6 * share, what),
    )
    spent = time.process_time() - began
    scorer = Scorer(model, encoder)
    figures: dict[str, TestFigures] = {}
    gates = np.zeros(0)
    right = np.zeros(0, dtype=bool)
    for name, (said, meant) in tests.items():
        scored = _answers(scorer, said, lambda share: tell(0.6 + 0.3 * share, "answering"))
        found, was_right = _test_figures(model, scored, meant)
        figures[name] = found
        if not len(gates):
            gates, right = np.array([one.gate for one in scored]), was_right
    rejected = {name: np.array([one.gate for one in _answers(scorer, said, lambda _: None)]) for name, said in outside.items()}
    p50, p95 = _timed(scorer, next(iter(tests.values()))[0][:_TIMED])
    return TaskFigures(
        task,
        figures,
        {name: (auroc(gates, others), accepted_and_right(gates, right, others)) for name, others in rejected.items()},
        spent,
        p50,
        p95,
        _megabytes(model),
    )


def _answers(scorer: Scorer, texts: Sequence[str], tell: Callable[[float], None]) -> list[Scored]:
    found: list[Scored] = []
    for start in range(0, len(texts), _CHUNK):
        found += scorer.score(texts[start : start + _CHUNK])
        tell(len(found) / len(texts))
    return found


def _test_figures(
    model: Model, scored: Sequence[Scored], meant: Sequence[str]
) -> tuple[TestFigures, np.ndarray[tuple[int], np.dtype[np.bool_]]]:
    best = [int(one.probabilities.argmax()) for one in scored]
    taken = [model.classes[one] for one in best]
    right = np.array([one == other for one, other in zip(taken, meant, strict=True)])
    confidence = np.array([float(one.probabilities[at]) for one, at in zip(scored, best, strict=True)])
    return TestFigures(len(meant), float(right.mean()), macro_f1(meant, taken), calibration_error(confidence, right)), right


def _timed(scorer: Scorer, texts: Sequence[str]) -> tuple[float, float]:
    """Milliseconds an utterance, one at a time: median and 95th percentile."""
    spent = []
    for text in texts:
        began = time.perf_counter()
        scorer.score([text])
        spent.append(1000 * (time.perf_counter() - began))
    return float(np.percentile(spent, 50)), float(np.percentile(spent, 95))


def _megabytes(model: Model) -> float:
    with tempfile.TemporaryDirectory() as folder:
        save(model, Path(folder) / "model")
        return sum(path.stat().st_size for path in (Path(folder) / "model").iterdir()) / 1e6


@contextmanager
def _progress(what: str) -> Iterator[Tell]:
    """A bar on standard error; without a terminal, a line when something new begins."""
    console = Console(stderr=True)
    if not console.is_terminal:
        said: set[str] = set()

        def plain(_share: float, doing: str) -> None:
            if doing not in said:
                said.add(doing)
                print(f"{what}: {doing}", file=sys.stderr, flush=True)

        yield plain
        return
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.percentage:3.0f} %"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(what, total=1.0)
        yield lambda share, doing: bar.update(task, completed=share, description=f"{what}: {doing}")


def _line(found: TaskFigures) -> str:
    first = next(iter(found.tests.values()))
    return f"{found.task.name}: accuracy {first.accuracy:.1%}, trained in {found.train_cpu_s:.1f} s CPU"


def _report(console: Console, results: _Results) -> None:
    if results.tasks:
        console.print(_public_table(results.tasks))
    for callers in results.callers:
        console.print(_callers_table(callers, next((one for one in results.rasa if one.language == callers.language), None)))
    bars = [bar for task in results.tasks for bar in task.bars()] + [bar for lang in results.callers for bar in lang.bars()]
    met = 0
    for what, reached, wanted in bars:
        most = what.endswith(("at most", "ms", "training s"))
        good = reached <= wanted if most else round(reached, 3) >= wanted
        met += good
        console.print(f"{'met   ' if good else 'MISSED'} {what}: {reached:.4g}, wanted {'≤' if most else '≥'} {wanted:g}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    console.print(
        f"bars: {met} of {len(bars)} met; the whole process took {peak:.0f} MB at most. Busy machines give slow figures."
    )


def _public_table(found: Sequence[TaskFigures]) -> Table:
    table = Table(title="Public data sets (percent; AUROC and ECE 0..1; OOS: AUROC / accepted and right at 5 % false accepts)")
    for column in (
        "data set",
        "accuracy",
        "macro-F1",
        "ECE",
        "OOS",
        "train CPU s",
        "ms p50 / p95",
        "model MB",
        "before",
        "published",
    ):
        table.add_column(column, justify="left" if column in ("data set", "before", "published") else "right")
    for one in found:
        for place, (name, test) in enumerate(one.tests.items()):
            title = one.task.name if name == "test" else f"  {name}"
            row = [title, f"{100 * test.accuracy:.1f}", f"{100 * test.f1:.1f}", f"{test.ece:.3f}"]
            if place == 0:
                outside = ", ".join(f"{key} {area:.3f} / {100 * share:.1f}" for key, (area, share) in one.outside.items())
                row += [outside, f"{one.train_cpu_s:.1f}", f"{one.p50_ms:.1f} / {one.p95_ms:.1f}", f"{one.model_mb:.0f}"]
                row += [one.task.before, one.task.published]
            table.add_row(*row)
    return table


def _callers_table(ours: CallersFigures, rasa: RasaFigures | None) -> Table:
    table = Table(
        title=f"Our callers' lines, {ours.language}: {ours.count} of them, none in training", show_header=rasa is not None
    )
    table.add_column("")
    table.add_column("ours", justify="right")
    if rasa is not None:
        table.add_column("Rasa", justify="right")
    theirs = {} if rasa is None else dict(rasa.rows())
    for name, value in ours.rows():
        table.add_row(name, value, *([theirs.get(name, "")] if rasa is not None else []))
    return table


if __name__ == "__main__":
    sys.exit(main())
