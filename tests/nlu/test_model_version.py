"""A model is filed by everything that shapes it: whatever training imports of ours is in its version."""

from __future__ import annotations

from pathlib import Path

import grimp

import nlu
from nlu.model.store import shaping_files


def test_every_module_that_training_imports_is_in_the_version_of_a_model() -> None:
    graph = grimp.build_graph("nlu")
    used = {"nlu.model.training", *graph.find_upstream_modules("nlu.model.training")}
    root = Path(nlu.__file__).parent
    hashed = {path.relative_to(root).as_posix() for path in shaping_files()}
    for module in used - {"nlu"}:
        path = module.removeprefix("nlu.").replace(".", "/")
        assert f"{path}.py" in hashed or f"{path}/__init__.py" in hashed, f"{module} shapes a model and is not in its version"


def test_a_version_changes_with_any_of_these_files(tmp_path: Path) -> None:
    from nlu.model.store import digest

    files = [tmp_path / "a.py", tmp_path / "b.py"]
    for file in files:
        file.write_text("1")
    before = digest(files)
    files[1].write_text("2")
    assert digest(files) != before
