"""`voicebot customers`: what an operator, or a nightly job, sees of an import."""

from __future__ import annotations

import io
import json
from pathlib import Path

import pytest
from rich.console import Console
from structlog.testing import capture_logs
from typer.testing import CliRunner, Result

from caller_id import customer_database
from caller_id.types import Segment
from voicebot.cli.main import app
from voicebot.config.settings import Settings
from voicebot.identity.customers import customer_directory
from voicebot.tables import show_table

HEADING = "number;segment\n"


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "voicebot.yml"
    path.write_text(f"sip: {{peers: [192.0.2.0/24]}}\nstate: {{data_dir: {tmp_path / 'data'}}}\n")
    monkeypatch.setenv("VOICEBOT_CONFIG", str(path))
    return path


def saved(tmp_path: Path, *rows: str, name: str = "customers.csv") -> Path:
    path = tmp_path / name
    path.write_text(HEADING + "\n".join(rows))
    return path


def ran(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["customers", *map(str, arguments)])


def used_by_the_service(config: Path, number: str) -> list[Segment]:
    data_dir = config.with_name("data")
    directory = customer_directory(Settings(state={"data_dir": str(data_dir)}))
    try:
        return [customer.segment for customer in directory.find(number)]
    finally:
        directory.close()


def test_an_import_goes_where_the_service_reads(config: Path, tmp_path: Path) -> None:
    """Without any setting of its own."""
    result = ran("import", saved(tmp_path, "600100200;sme", "nobody;sme"))
    assert result.exit_code == 1, "a row was refused"
    assert f"{tmp_path / 'customers.csv'}: line 3: the number cannot be read. Write it like" in result.stderr
    assert "1 added, 0 changed, 0 removed, 1 rows refused" in result.stdout
    assert f"{tmp_path / 'data' / 'customers.db'}: imported" in result.stdout
    assert used_by_the_service(config, "+48600100200") == [Segment.SME]


def test_a_running_service_takes_a_new_import_and_a_rollback(config: Path, tmp_path: Path) -> None:
    """It was started before there were any customers."""
    directory = customer_directory(Settings(state={"data_dir": str(tmp_path / "data")}))
    assert directory.find("+48600100200") == ()
    assert ran("import", saved(tmp_path, "600100200;sme")).exit_code == 0
    assert directory.find("+48600100200")[0].segment is Segment.SME
    assert ran("import", saved(tmp_path, "600100200;select")).exit_code == 0
    assert directory.find("+48600100200")[0].segment is Segment.SELECT
    result = ran("rollback")
    assert (result.exit_code, result.stdout.startswith("in force again: 1 numbers of customers.csv")) == (0, True)
    assert directory.find("+48600100200")[0].segment is Segment.SME
    directory.close()


def test_a_great_loss_is_refused_with_the_way_on(config: Path, tmp_path: Path) -> None:
    assert ran("import", saved(tmp_path, *(f"6001002{number:02};mass" for number in range(50)))).exit_code == 0
    small = saved(tmp_path, "600100200;sme", name="small.csv")
    for arguments in (("--dry-run",), ()):
        result = ran("import", small, *arguments)
        assert result.exit_code == 2
        assert "49 of 50 numbers would be gone (98.0 %)\nNothing is imported." in result.stderr
        assert "add --force" in result.stderr
        assert f"{tmp_path / 'data' / 'customers.db'}: unchanged" in result.stdout
    assert used_by_the_service(config, "+48600100249") == [Segment.MASS]
    assert ran("import", small, "--force").exit_code == 0
    assert used_by_the_service(config, "+48600100249") == []


def test_how_much_may_be_lost_is_a_setting(config: Path, tmp_path: Path) -> None:
    ran("import", saved(tmp_path, *(f"600100{number:03};mass" for number in range(500))))
    config.write_text(config.read_text() + "customers: {most_lost: 10}\n")
    assert ran("import", saved(tmp_path, *(f"600100{number:03};mass" for number in range(489)))).exit_code == 2
    assert ran("import", saved(tmp_path, *(f"600100{number:03};mass" for number in range(490)))).exit_code == 0


def test_only_the_first_refused_rows_are_named_unless_all_are_wanted(config: Path, tmp_path: Path) -> None:
    file = saved(tmp_path, "600100200;sme", *["x;sme"] * 30)
    told = ran("import", file, "--dry-run").stderr
    assert told.count(": line ") == 20
    assert "… and 10 more rows; --show 0 names all" in told
    assert ran("import", file, "--dry-run", "--show", "0").stderr.count(": line ") == 30


def test_numbers_of_several_customers_are_told(config: Path, tmp_path: Path) -> None:
    result = ran("import", saved(tmp_path, "600100200;sme", "600100200;select", "600100201;sme", "600100201;sme"))
    assert "line 3: the number stands on line 2 too" in result.stderr
    assert "1 numbers with several customers: only what those have in common is used" in result.stdout
    assert "1 rows left out: they repeat another one" in result.stdout


def test_an_import_that_the_next_start_would_undo_is_refused(config: Path, tmp_path: Path) -> None:
    """The file that the configuration names, itself, is welcome."""
    named = saved(tmp_path, "600100200;sme", name="named.csv")
    config.write_text(config.read_text() + f"customers: {{csv: {named}}}\n")
    result = ran("import", saved(tmp_path, "600100200;select"))
    assert result.exit_code == 2
    assert f"customers.csv is set to {named}" in result.stderr
    assert ran("import", named).exit_code == 0


@pytest.mark.parametrize("command", ["status", "import", "lookup"])
def test_scripts_get_json(config: Path, tmp_path: Path, command: str) -> None:
    file = saved(tmp_path, "600100200;sme", "x;sme")
    if command != "import":
        ran("import", file)
    arguments = {"status": (), "import": (file,), "lookup": ("600100200",)}[command]
    told = json.loads(ran(command, *arguments, "--json").stdout)
    if command == "status":
        assert told["in_force"]["numbers"] == 1
        assert told["before"] is None
    elif command == "import":
        assert (told["done"], told["refused"], told["changes"]["added"]) == (True, 1, 1)
    else:
        assert told["used"]["segment"] == "sme"


def test_the_state_is_told_before_and_after_imports(config: Path, tmp_path: Path) -> None:
    assert "there are no customers. Import them: voicebot customers import FILE" in ran("status").stdout
    ran("import", saved(tmp_path, "600100200;sme"))
    ran("import", saved(tmp_path, "600100200;sme", "600100201;select", name="second.csv"))
    lines = {line.split("  ")[0].strip(): line.split() for line in ran("status").stdout.splitlines()}
    assert lines["numbers"][1:] == ["2", "1"]
    assert lines["from"][1:] == ["second.csv", "customers.csv"]


def test_one_number_is_looked_up_in_any_usual_form(config: Path, tmp_path: Path) -> None:
    ran("import", saved(tmp_path, "600100200;sme", "600100200;select"))
    result = ran("lookup", "600 100-200")
    assert result.exit_code == 0
    assert [line.split()[:2] for line in result.stdout.splitlines()[1:]] == [["1", "select"], ["2", "sme"], ["used", "mass"]]
    assert ran("lookup", "600100201").exit_code == 1
    result = ran("lookup", "nobody")
    assert (result.exit_code, "no telephone number" in result.stderr) == (2, True)


def test_the_file_of_the_configuration_is_imported_at_start_only_when_it_changed(tmp_path: Path) -> None:
    """And not again after an import of it was taken back; a great loss is logged, and the old customers stay."""
    source = saved(tmp_path, *(f"6001002{number:02};mass" for number in range(20)), "x;sme")
    loaded = Settings(state={"data_dir": str(tmp_path / "data")}, customers={"csv": str(source)})

    def start() -> tuple[int, list[str]]:
        with capture_logs() as logs:
            directory = customer_directory(loaded)
        try:
            known = sum(bool(directory.find(f"+486001002{number:02}")) for number in range(40))
        finally:
            directory.close()
        return known, [each["event"] for each in logs]

    assert start() == (20, ["customer not imported", "customers imported"])
    assert start() == (20, [])
    saved(tmp_path, *(f"6001002{number:02};mass" for number in range(25)))
    assert start() == (25, ["customers imported"])
    ran("rollback", "--config", _written(tmp_path, loaded))
    assert start() == (20, [])
    saved(tmp_path, "600100200;sme")
    assert start() == (20, ["customer directory cannot be used"])
    source.unlink()
    assert start() == (20, ["customer directory cannot be used"])


def _written(tmp_path: Path, loaded: Settings) -> Path:
    path = tmp_path / "made.yml"
    path.write_text(f"state: {{data_dir: {loaded.state.data_dir}}}\n")
    return path


def shown(width: int, *, terminal: bool, tabs: bool = True) -> str:
    out = io.StringIO()
    console = Console(file=out, width=width, force_terminal=terminal, color_system=None)
    show_table(console, ("model", "licence"), [("żółw\t[red]", "MIT"), ("x" * 100, "Apache 2.0")], tabs=tabs)
    return out.getvalue()


def test_a_table_is_never_cut() -> None:
    """Tabs in a pipe; columns where they fit; else a block a row. What is copied stays whole, nothing is mark-up."""
    assert shown(80, terminal=False) == f"model\tlicence\nżółw [red]\tMIT\n{'x' * 100}\tApache 2.0\n"
    assert shown(80, terminal=True).splitlines()[-2:] == [f"model    {'x' * 100}", "licence  Apache 2.0"]
    assert shown(200, terminal=True).splitlines()[-1] == f"{'x' * 100}  Apache 2.0"
    assert shown(80, terminal=False, tabs=False).splitlines()[-1] == f"{'x' * 100}  Apache 2.0"


def test_an_import_beside_a_crm_is_refused_and_a_look_up_asks_the_crm(config: Path, tmp_path: Path) -> None:
    """Nobody should wonder why the new customers are not known. This CRM is away, which is told plainly."""
    config.write_text(f"{config.read_text()}customers: {{crm: {{url: 'http://127.0.0.1:9/callers'}}}}\n")
    result = ran("import", saved(tmp_path, "600100200;sme"))
    assert result.exit_code == 2
    assert "customers.crm is set" in result.stderr
    result = ran("lookup", "600100200")
    assert "the CRM cannot be asked" in result.stderr
    assert result.exit_code == 2


def test_an_import_that_goes_on_says_so(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ctrl-C, and the same command again."""
    monkeypatch.setattr(customer_database, "_BATCH", 10)
    source = saved(tmp_path, *(f"6001002{number:02};sme" for number in range(50)), "nobody;sme")

    def interrupted(share: float) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr("voicebot.cli.keeping.customers._named", lambda file, show: interrupted)
        assert ran("import", source).exit_code != 0
    result = ran("import", source)
    assert "gone on behind line 51" in result.stdout
    assert "50 added" in result.stdout
