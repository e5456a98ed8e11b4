"""`python -m lsap_cli`: the same as `lsap`, for starters that want a module: torchrun, and the dashboard."""

import signal

from lsap_cli.main import run

# a shell that starts a program in the background makes it, and all that it starts, deaf to Ctrl-C: but a run can be stopped
signal.signal(signal.SIGINT, signal.default_int_handler)
run()
