"""`voicebot release`: what calls go by, and back to what they went by before, also with the console away."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer

from voicebot.cli.errors import told_plainly
from voicebot.cli.options import Config, records_engine

if TYPE_CHECKING:
    from voicebot.releases.pointer import Pointer
    from voicebot.releases.store import Releases

app = typer.Typer(no_args_is_help=True, help="Releases: what calls go by, and back to what they went by before.")


@app.command()
def status(config: Config = None) -> None:
    """The release in force, the one in the shadow, what each running process goes by, and the proposals that are open."""
    with told_plainly():
        from voicebot.releases.store import State

        releases = _releases(config)
        live = releases.live()
        print("live", _told(live) if live is not None else "the configuration's own bundle", sep="\t")
        now, shadow = datetime.now(UTC), releases.shadow()
        if shadow is not None and shadow.running(now):
            until = f"until {shadow.until:%Y-%m-%d %H:%M} UTC"
            print("shadow", shadow.release[:12], f"proposal {shadow.proposal}", until, sep="\t")
        for process in releases.processes(now):
            print(process.name, process.live[:12] or "configured", process.trouble or "ok", sep="\t")
        for proposal in releases.proposals():
            if proposal.state is State.OPEN:
                approvals = f"{len(proposal.approved)} of {len(proposal.needed)} approvals"
                print(f"proposal {proposal.seq}", proposal.by, f"checks {proposal.checked}", approvals, proposal.note, sep="\t")


@app.command()
def back(
    who: Annotated[str, typer.Option("--who", help="your name, for the history")],
    why: Annotated[str, typer.Option("--why", help="for whoever comes after you")],
    config: Config = None,
) -> None:
    """Roll back: calls that begin go by what was live before, in every process, within five seconds."""
    with told_plainly():
        print("live", _told(_releases(config).roll_back(who, why, datetime.now(UTC))), sep="\t")


def _told(pointer: Pointer) -> str:
    arms = ", ".join(f"{arm.release[:12] or 'configured'} {arm.share:.0%}" for arm in pointer.arms)
    return f"{arms}\t{pointer.who}\t{pointer.at:%Y-%m-%d %H:%M} UTC\t{pointer.why}"


def _releases(config: Config) -> Releases:
    from voicebot.config.loading import load_settings
    from voicebot.releases.store import Releases

    return Releases(records_engine(load_settings(config)))
