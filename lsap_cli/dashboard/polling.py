"""A thread that reads at intervals, and reports changes."""

import threading
import time
from collections.abc import Callable


class PollingThread(threading.Thread):
    """Calls `update` again and again, and `notify` whenever something was new, until it is stopped.

    Args:
        update: reads; whether there is something new.
        notify: posts a message.
        pause: seconds to wait, given how many seconds of one core the last update took (waiting for a core is not
            counted).
        close: called by the thread when it ends.
        failed: called with a reason where `update` raises; reading goes on.
    """

    def __init__(
        self,
        update: Callable[[], bool],
        notify: Callable[[], object],
        pause: Callable[[float], float],
        close: Callable[[], object] = lambda: None,
        failed: Callable[[str], object] = lambda _: None,
    ) -> None:
        super().__init__(name="polling", daemon=True)
        self._update, self._notify, self._pause, self._close, self._failed = update, notify, pause, close, failed
        self._stopped, self._woken = threading.Event(), threading.Event()

    def stop(self) -> None:
        self._stopped.set()
        self._woken.set()

    def wake(self) -> None:
        """Ends the pause that it is in, or the next one."""
        self._woken.set()

    def run(self) -> None:
        while not self._stopped.is_set():
            start = time.thread_time()
            try:
                if self._update() and not self._stopped.is_set():
                    self._notify()
            except Exception as error:  # a folder may hold anything; the next reading may be whole again
                self._report(f"{type(error).__name__}: {error}")
            self._woken.wait(self._pause(time.thread_time() - start))
            self._woken.clear()
        self._close()

    def _report(self, reason: str) -> None:
        """A screen that went away meanwhile takes no message: then this was its last reading."""
        try:
            self._failed(reason)
        except Exception:
            self._stopped.set()
