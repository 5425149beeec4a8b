"""What may be ordered: a switch that the bundle cannot carry out is refused, with what to order instead."""

from __future__ import annotations

from datetime import date

from dialogs.data.bundle import Bundle
from dialogs.data.prompts import PromptKind
from voicebot.error_text import unknown_name
from voicebot.errors import Refused
from voicebot.state.conditions import SwitchKind, SwitchSetting

_KIND = PromptKind.ANNOUNCEMENT


class SwitchRefused(Refused):
    """The order makes no sense under this bundle."""

    code = "switch.refused"


def announcements(bundle: Bundle, day: date) -> list[str]:
    """The prompts to offer for a switch on this day: made for it (`kind: announcement`), approved, valid, and whole without
    values. Among all that is ever said, a name of a matter or an apology would be picked by mistake.
    """
    made = {name for file in bundle.prompts.files.values() for name, spec in file.prompts.items() if spec.kind is _KIND}
    return [prompt for prompt in sorted(made) if _why_not(prompt, bundle, day) is None]


def check(setting: SwitchSetting, bundle: Bundle) -> None:
    """Raises SwitchRefused. A switch that is taken back needs no check: it may be of an earlier bundle."""
    if setting.kind is SwitchKind.SURGE and setting.queue:
        raise SwitchRefused("a surge holds everywhere: leave queue out, or order a closure of that queue", "surge_of_queue")
    if setting.on and setting.until is not None and setting.until <= setting.when:
        raise SwitchRefused("until is past: the switch would be off at once", "until_past")
    if setting.queue:
        _known("queue", setting.queue, list(bundle.routes.queues))
        if setting.on and bundle.queues[setting.queue].emergency:
            raise SwitchRefused(
                f"queue {setting.queue!r} takes emergencies and is never closed", "emergency", about=setting.queue
            )
    if setting.prompt:
        _known("prompt", setting.prompt, _prompts(bundle))
        why_not = _why_not(setting.prompt, bundle, bundle.calendar.local(setting.when).date())
        if why_not is not None:
            raise SwitchRefused(why_not, "no_announcement", about=setting.prompt)


def _known(what: str, name: str, names: list[str]) -> None:
    told = unknown_name(what, name, names)
    if told is not None:
        raise SwitchRefused(told, "unknown", about=name)


def _prompts(bundle: Bundle) -> list[str]:
    return sorted({prompt for file in bundle.prompts.files.values() for prompt in file.prompts})


def _why_not(prompt: str, bundle: Bundle, day: date) -> str | None:
    """Why it is no announcement: it needs values, or may not be said on this day in any language."""
    prompts = bundle.prompts
    languages = [language for language in prompts.files if prompts.has(prompt, language)]
    needed = sorted({name for language in languages for name, _ in prompts.places(prompt, language)})
    if needed:
        return f"prompt {prompt!r} is no announcement: it needs values ({', '.join(needed)})"
    if not any(prompts.may_say(prompt, language, day) for language in languages):
        return f"prompt {prompt!r} has no text that may be said on {day.isoformat()}"
    return None
