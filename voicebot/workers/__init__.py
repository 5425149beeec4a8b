"""Several processes of calls on one machine (`voicebot serve --workers N`): planned, started, watched, shown as one."""
