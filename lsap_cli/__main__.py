"""`python -m lsap_cli`: the same as `lsap`, for starters that want a module: torchrun, and the dashboard."""

import signal

from lsap_cli.main import run

# A shell makes a background program, and all its children, ignore Ctrl-C; a run must be stoppable all the same.
signal.signal(signal.SIGINT, signal.default_int_handler)
run()
