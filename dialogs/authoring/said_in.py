"""Where the flow says a prompt."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from dialogs.data.bundle import Bundle


def said_in(bundle: Bundle, prompt: str) -> list[str]:
    """The places of flow and routes that name it, such as "steps.ask.say", in their order. One that is named by none is said by
    the engine itself, or within another text.
    """
    flow, routes = bundle.flow.model_dump(mode="json"), bundle.routes.model_dump(mode="json")
    nested = (
        f"{language}: {other}"
        for language, file in bundle.prompts.files.items()
        for other, spec in file.prompts.items()
        if f"{{{prompt}:prompt}}" in spec.text
    )
    return [*_named(flow, prompt, ""), *_named(routes, prompt, "routes"), *nested]


def _named(data: object, prompt: str, place: str) -> Iterator[str]:
    if data == prompt:
        yield place
    elif isinstance(data, Mapping):
        for key, value in data.items():
            yield from _named(value, prompt, f"{place}.{key}".strip("."))
    elif isinstance(data, Sequence) and not isinstance(data, str):
        for each in data:
            yield from _named(each, prompt, place)
