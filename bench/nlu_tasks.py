"""The public data sets, what others reached on them, and what we must reach."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from nlu.text.normalise import canonical


class MissingData(Exception):
    """The folder of data sets is not there or not whole; the message says what to do."""


@dataclass(frozen=True, slots=True)
class Task:
    """One data set: its files under the folder of data, and figures to compare with (percent; AUROC and ECE 0..1).

    `tests`: in-scope test sets as (file, column of the text, every how many lines), the one with the bar first. `outside`: files
    of out-of-scope lines. `before` was measured while the design was chosen; `published` says whose figures they are.
    """

    name: str
    language: str
    train: str
    tests: Mapping[str, tuple[str, str, int]]
    outside: Mapping[str, str] = field(default_factory=dict)
    before: str = ""
    published: str = ""
    least_accuracy: float | None = None
    least_auroc: float | None = None


TASKS = (
    Task(
        "banking77",
        "en",
        "banking77/train.tsv",
        {"test": ("banking77/test.tsv", "text", 1)},
        before="93.3, F1 93.3",
        published="USE+ConveRT 93.4, best fine-tuned 94.2-94.4",
        least_accuracy=93.3,
    ),
    Task(
        "banking77-10shot",
        "en",
        "banking77/train_10shot.tsv",
        {"test": ("banking77/test.tsv", "text", 1)},
        before="83.9, F1 83.8",
        published="USE 84.2, USE+ConveRT 85.2, CPFT 87.2, ICDA 89.8",
        least_accuracy=84.5,
    ),
    Task(
        "clinc150",
        "en",
        "clinc150/train.tsv",
        {"test": ("clinc150/test.tsv", "text", 1)},
        {"oos": "clinc150/test_oos.tsv"},
        before="94.0, F1 93.9; oos .970 / 85.2",
        published="SVM 91.0, Rasa 91.5, MLP-USE 93.5, BERT 96.9",
        least_accuracy=94.2,
        least_auroc=0.97,
    ),
    Task(
        "banking77-oos",
        "en",
        "banking77_oos/train.tsv",
        {"test": ("banking77_oos/test.tsv", "text", 1)},
        {"near": "banking77_oos/test_near_oos.tsv", "far": "banking77_oos/test_far_oos.tsv"},
        before="88.1, F1 88.1; near .834 / 40.3, far .994 / 87.1",
    ),
    Task(
        "massive-pl",
        "pl",
        "massive_pl/train.tsv",
        {"test": ("massive_pl/test.tsv", "text", 1)},
        {"far": "massive_pl/far_oos.tsv"},
        before="84.4, F1 81.6; far .960 / 78.7",
        published="XLM-R 85.1, mT5 86.1 (means of 51 languages, all of the training set)",
        least_accuracy=84.5,
    ),
    Task(
        "massive-en",
        "en",
        "massive_en/train.tsv",
        {
            "test": ("massive_en/test.tsv", "text", 1),
            "SLURP, real recogniser": ("slurp_asr/test.tsv", "asr_text", 4),
            "SLURP, as spoken": ("slurp_asr/test.tsv", "text", 4),
        },
        before="87.8, F1 84.5; SLURP real recogniser 84.0, as spoken 89.0",
        published="XLM-R 88.3, mT5 89.0",
    ),
)


def read_tsv(path: Path, column: str = "text", every: int = 1) -> tuple[list[str], list[str]]:
    """Normalised texts and labels of every `every`-th line of a tab-separated file with a header. Raises MissingData."""
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))[::every]
        return [canonical(row[column]) for row in rows], [row["intent"] for row in rows]
    except OSError as err:
        raise MissingData(
            f"{path} cannot be read ({err.strerror}). Give the folder of the data sets: DATA=../shared/data/nlu"
        ) from err
    except KeyError as err:
        raise MissingData(f"{path} has no column {err}. Its first line must name the columns: {column}, intent") from err
