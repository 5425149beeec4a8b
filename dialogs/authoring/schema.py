"""JSON schemas of a bundle's files, for editors: completion and mistakes underlined while typing."""

from __future__ import annotations

from typing import Any

from dialogs.data.flow import Flow
from dialogs.data.mail import MailRules
from dialogs.data.prompts import PromptFile, PromptSpec
from dialogs.data.routes import Routes
from dialogs.data.source import Spec
from dialogs.rehearsal.conversation_spec import ConversationFile

KINDS = ("flow", "routes", "prompts", "mail", "tests")


def schema(kind: str) -> dict[str, Any]:
    """The JSON schema (draft 2020-12) of `flow.yml`, `routes.yml`, `prompts/*.yml`, `mail.yml` or `tests/*.yml`.

    Raises ValueError for another kind.
    """
    models: dict[str, type[Spec]] = {
        "flow": Flow,
        "routes": Routes,
        "prompts": PromptFile,
        "mail": MailRules,
        "tests": ConversationFile,
    }
    if kind not in models:
        raise ValueError(f"no schema called {kind!r}; there are {', '.join(KINDS)}")
    made = models[kind].model_json_schema()
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    _allow_short_forms(made)
    return made


def _allow_short_forms(made: dict[str, Any]) -> None:
    """What may be written as one word: a list of one, a prompt that is only its text, a turn that is only words."""
    definitions = made.get("$defs", {})
    for definition in (made, *definitions.values()):
        for name, field in definition.get("properties", {}).items():
            if field.get("type") == "array" and field.get("items", {}).get("type") == "string":
                definition["properties"][name] = {**field, "type": ["array", "string"]}
    if PromptSpec.__name__ in definitions and "prompts" in made["properties"]:
        text = {"type": "string", "description": "the approved text"}
        made["properties"]["prompts"]["additionalProperties"] = {"anyOf": [text, {"$ref": "#/$defs/PromptSpec"}]}
        definitions[PromptSpec.__name__].pop("required", None)
    if "ConversationSpec" in definitions:
        turns = definitions["ConversationSpec"]["properties"]["turns"]
        turns["items"] = {"anyOf": [{"type": "string"}, turns["items"]]}
