"""For editors: schemas that complete and check while typing."""

from __future__ import annotations

import jsonschema
import pytest
from ruamel.yaml import YAML

from dialogs import Bundle
from dialogs.authoring.schema import KINDS, schema


def plain(bundle: Bundle, name: str) -> object:
    data = YAML(typ="safe", pure=True).load((bundle.root / name).read_text(encoding="utf-8"))
    return _json(data)


def _json(value: object) -> object:
    if isinstance(value, dict):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_json(item) for item in value]
    return value if isinstance(value, str | int | float | bool | None) else value.isoformat()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("kind", "file"),
    [
        ("flow", "flow.yml"),
        ("routes", "routes.yml"),
        ("prompts", "prompts/pl.yml"),
        ("prompts", "prompts/uk.yml"),
        ("mail", "mail.yml"),
        ("tests", "tests/sprawy.yml"),
    ],
)
def test_the_default_bundle_fits_the_schemas(bundle: Bundle, kind: str, file: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema(kind))
    jsonschema.validate(plain(bundle, file), schema(kind), cls=jsonschema.Draft202012Validator)


@pytest.mark.parametrize(("kind", "file"), [("flow", "flow.yml"), ("routes", "routes.yml"), ("prompts", "prompts/pl.yml")])
def test_an_unknown_field_does_not_fit(bundle: Bundle, kind: str, file: str) -> None:
    data = plain(bundle, file)
    assert isinstance(data, dict)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**data, "colour": "red"}, schema(kind), cls=jsonschema.Draft202012Validator)


def test_there_is_a_schema_for_every_file_of_a_bundle_and_for_no_other() -> None:
    assert KINDS == ("flow", "routes", "prompts", "mail", "tests")
    with pytest.raises(ValueError, match="no schema called 'nlu'"):
        schema("nlu")
