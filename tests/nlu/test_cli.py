"""The command line of understanding: what is printed, what is written, and with which code it ends."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from nlu.cli import app
from tests.nlu.tools_pack import LINES, write_pack

Run = Callable[..., Result]


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pack(tmp_path_factory.mktemp("pack"))


@pytest.fixture
def run(pack: Path, cache: Path) -> Run:
    """Run a command on the tiny pack, without embeddings."""

    def invoke(command: str, *args: object, stdin: str | bytes | None = None, on: Path | None = None) -> Result:
        given = [command, *map(str, args), "--pack", str(on or pack)]
        if command not in {"lint", "split"}:
            given += ["--no-semantic", "--cache", str(cache)]
        return CliRunner().invoke(app, given, input=stdin)

    return invoke


def objects(result: Result) -> list[dict[str, Any]]:
    """One JSON object a line."""
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).output
    for command in "train predict check lint explain threshold diff cluster split".split():
        assert command in shown


def test_help_imports_nothing_heavy() -> None:
    code = "import sys; from nlu.cli import app; sys.exit(bool({'numpy', 'sklearn', 'scipy', 'simplemma'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False, timeout=60).returncode == 0


def test_train_says_what_it_trained(run: Run) -> None:
    result = run("train", "--afresh")
    assert result.exit_code == 0, result.output
    assert "pl: 48 utterances, 4 labels, words only" in result.stdout


def test_predict_writes_one_json_a_line_as_the_contract_says(run: Run) -> None:
    said = "zgubiłam kartę w tramwaju\nnie, nie o kartę, o saldo\ntak"
    lost, denied, yes = objects(run("predict", "--lang", "pl", stdin=said))
    assert (lost["intent"], lost["act"]) == ("card_block", None)
    assert lost["decision"] in {"accept", "confirm"}
    assert lost["ranking"][0] == {"intent": "card_block", "confidence": lost["confidence"]}
    assert (denied["intent"], denied["act"]) == ("balance", "deny")
    assert (yes["decision"], yes["act"]) == ("reject", "affirm")


@pytest.mark.parametrize("line", [b"\n", b"   \n", b"\xff\xfe\xfa\n", "🦊\n".encode(), b"\x00\n"])
def test_predict_answers_every_line_whatever_is_in_it(run: Run, line: bytes) -> None:
    first, second = objects(run("predict", stdin=line + b"saldo\n"))
    assert first["decision"] in {"reject", "confirm"}
    assert second["intent"] == "balance"


def test_predict_of_nothing_writes_nothing(run: Run) -> None:
    assert objects(run("predict", stdin="")) == []


def test_predict_writes_each_line_at_once_and_ends_quietly_when_nobody_reads_on(pack: Path, cache: Path) -> None:
    command = [sys.executable, "-c", "from nlu.cli import app; app()", "predict", "--pack", str(pack), "--no-semantic"]
    pipe = subprocess.PIPE
    with subprocess.Popen([*command, "--cache", str(cache)], stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdin.write(b"saldo\n")
        process.stdin.flush()
        assert json.loads(process.stdout.readline())["intent"] == "balance"  # answered while the input is still open
        process.stdout.close()
        process.stdin.write(b"saldo\n" * 3)
        process.stdin.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=60) == 0


def test_check_prints_figures_and_writes_the_page(run: Run, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    result = run("check", "--html", page)
    assert result.exit_code == 0, result.output
    for words in ("accuracy", "macro-F1", "calibration error", "coverage at 97%", "Confused most often", "mortgage"):
        assert words in result.stdout
    assert page.read_text(encoding="utf-8").startswith("<!doctype html>")


def test_check_as_json_is_one_object_with_all_figures(run: Run) -> None:
    result = run("check", "--json")
    report = json.loads(result.stdout)
    assert {"accuracy", "macro_f1", "calibration_error", "coverage", "intents", "confusions", "matrix"} <= set(report)
    assert report["examples"] == 48


def test_check_on_a_file_judges_that_file(run: Run, tmp_path: Path) -> None:
    kept = tmp_path / "kept.jsonl"
    kept.write_text('{"text": "jakie jest saldo", "intent": "balance"}\n', encoding="utf-8")
    report = json.loads(run("check", "--json", "--on", kept).stdout)
    assert (report["examples"], report["accuracy"], report["how"]) == (1, 1.0, "on kept.jsonl")


def test_lint_ends_with_0_without_errors_and_with_1_with_some(run: Run, tmp_path: Path) -> None:
    assert run("lint").exit_code == 0
    assert run("lint", "--strict").exit_code == 1
    lines = dict(LINES)
    lines["balance"] += "\nzgubiłam kartę w tramwaju"
    result = run("lint", on=write_pack(tmp_path, lines))
    assert result.exit_code == 1
    assert "error [contradiction]" in result.stdout
    assert "1 errors" in result.stderr


def test_lint_as_json_and_by_rule(run: Run) -> None:
    result = run("lint", "--json", "--only", "thin")
    found = [json.loads(line) for line in result.stdout.splitlines()]
    assert {one["rule"] for one in found} == {"thin"}
    assert all(one["line"] and one["fix"] and one["path"].endswith(".yml") for one in found)


def test_explain_tells_gate_costs_neighbours_and_ngrams(run: Run) -> None:
    shown = run("explain", "ile mam na koncie").stdout
    for words in ("balance", "gate", "mean cost", "bands", "nearest", "n-grams", '"konto"'):
        assert words in shown
    told = json.loads(run("explain", "ile mam na koncie", "--json").stdout)
    assert told["first"] == "balance"


def test_threshold_prints_a_row_a_setting(run: Run) -> None:
    shown = run("threshold", "--set", "confirm=0.1").stdout
    for words in ("costs.yml", "confirm=0.1", "accept from 0.90", "silently wrong", "cost / 1000"):
        assert words in shown
    rows = json.loads(run("threshold", "--json", "--vary", "reject").stdout)
    assert rows[0]["name"] == "costs.yml"


@pytest.mark.parametrize(
    "args", [("--set", "kindness=3"), ("--set", "confirm=much"), ("--set", "confirm=-1"), ("--vary", "kindness")]
)
def test_threshold_names_a_wrong_cost(run: Run, args: tuple[str, str]) -> None:
    result = run("threshold", *args)
    assert result.exit_code == 2
    assert args[1].split("=")[0] in result.stderr


def test_diff_shows_what_changes_between_two_packs(run: Run, pack: Path, tmp_path: Path) -> None:
    lines = dict(LINES) | {"balance": LINES["mortgage"], "mortgage": LINES["balance"]}
    swapped = write_pack(tmp_path / "new", lines)
    said = tmp_path / "calls.txt"
    said.write_text("jakie jest moje saldo\nzgubiłam kartę w tramwaju\n", encoding="utf-8")
    result = run("diff", pack, swapped, "--on", said)
    assert result.exit_code == 0, result.output
    assert "1 of 2 change" in result.stdout
    assert "jakie jest moje saldo" in result.stdout
    (change,) = objects(run("diff", pack, swapped, "--on", said, "--json"))
    assert (change["old"]["intent"], change["new"]["intent"]) == ("balance", "mortgage")


def test_diff_takes_trained_models_and_the_new_packs_dev_set(run: Run, cache: Path, tmp_path: Path) -> None:
    root = write_pack(tmp_path)
    (root / "dev").mkdir()
    (root / "dev" / "pl.yml").write_text((root / "pl" / "balance.yml").read_text(encoding="utf-8"), encoding="utf-8")
    run("train")
    model = next(folder for folder in sorted(cache.iterdir()) if (folder / "model.json").is_file())
    result = run("diff", model, root, "--show", 5)
    assert result.exit_code == 0, result.output
    assert "of 12 change" in result.stdout


CALLS = "qwerty asdfg zxcvb\nqwerty asdfg zxcvb bnmkj\nqwerty asdfg\nzgubiłam kartę w tramwaju\n"


def test_cluster_gathers_and_suggests(run: Run, tmp_path: Path) -> None:
    calls = tmp_path / "calls.txt"
    calls.write_text(CALLS, encoding="utf-8")
    shown = run("cluster", calls).stdout
    assert "4 utterances, 3 of them doubtful" in shown
    assert "qwerty" in shown
    (found,) = json.loads(run("cluster", calls, "--json").stdout)
    assert found["count"] == 3


def test_cluster_writes_what_is_accepted_one_by_one_and_keeps_comments(run: Run, tmp_path: Path) -> None:
    root = write_pack(tmp_path / "pack")
    calls = tmp_path / "calls.txt"
    calls.write_text(CALLS, encoding="utf-8")
    before = (root / "pl" / "out_of_scope.yml").read_text(encoding="utf-8").splitlines()
    result = run("cluster", calls, "--accept", on=root, stdin="pizza\nout_of_scope\ns\nout_of_scope\n")
    assert result.exit_code == 0, result.output
    assert "'pizza' is no intent of this pack" in result.stdout
    assert "2 utterances written" in result.stdout
    after = (root / "pl" / "out_of_scope.yml").read_text(encoding="utf-8").splitlines()
    assert after[: len(before)] == before
    assert len(after) == len(before) + 2


def test_cluster_stops_when_told_to_or_when_nobody_answers(run: Run, tmp_path: Path) -> None:
    calls = tmp_path / "calls.txt"
    calls.write_text(CALLS, encoding="utf-8")
    for answers in ("q\n", ""):
        assert "0 utterances written" in run("cluster", calls, "--accept", on=write_pack(tmp_path / "pack"), stdin=answers).stdout


def test_split_writes_two_halves_that_check_can_use(run: Run, tmp_path: Path) -> None:
    result = run("split", "--out", tmp_path, "--share", 0.25)
    assert result.exit_code == 0, result.output
    assert "36 utterances to train on" in result.stdout
    report = json.loads(run("check", "--json", "--on", tmp_path / "test" / "pl.yml", on=tmp_path / "train").stdout)
    assert report["examples"] == 12


FAULTS = [
    (("predict",), "intents.yml", "no intents.yml"),
    (("check",), "pl/balance.yml", ":6: broken entity mark-up"),
    (("explain", "saldo", "--lang", "de"), None, "no training data for language 'de'"),
    (("check", "--on", "nowhere.yml"), None, "nowhere.yml: cannot be read"),
    (("cluster", "nowhere.txt"), None, "nowhere.txt: cannot be read"),
    (("diff", "nowhere", "nowhere"), None, "there is no dev set"),
    (("threshold",), "costs.yml", ":1: unknown cost"),
]


@pytest.mark.parametrize(("args", "broken", "message"), FAULTS)
def test_every_error_names_the_place_and_ends_with_2(
    run: Run, tmp_path: Path, args: tuple[str, ...], broken: str | None, message: str
) -> None:
    root = write_pack(tmp_path)
    if broken == "intents.yml":
        (root / broken).unlink()
    elif broken == "costs.yml":
        (root / broken).write_text("kindness: 3\n", encoding="utf-8")
    elif broken:
        path = root / broken
        path.write_text(path.read_text(encoding="utf-8").replace("- ile mam", "- [ile(mam)"), encoding="utf-8")
    result = run(*args, on=root)
    assert result.exit_code == 2, result.output
    assert message in result.stderr
    assert "Traceback" not in result.output
