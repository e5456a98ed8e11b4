"""The terminal that the dashboard is drawn on, and what happens when it goes away."""

import os
import select
import signal
import threading


def end_with(terminal: int) -> None:
    """Ends this process when its terminal is gone, as a hang-up signal would.

    Only processes that the terminal controls get that signal. Without it, reads return nothing at once, and the
    dashboard would ask again and again. Runs that it started are processes of their own and go on.

    Args:
        terminal: its file descriptor.
    """
    poller = select.poll()
    poller.register(terminal, 0)  # no event but the end, which is always reported

    def wait() -> None:
        if any(event & select.POLLHUP for _, event in poller.poll()):
            os._exit(128 + signal.SIGHUP)  # nothing is left to be drawn or written

    threading.Thread(target=wait, name="terminal", daemon=True).start()
