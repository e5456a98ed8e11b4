"""`python -m lsap_cli`: the command `lsap`, for starters such as torchrun that want a module."""

from lsap_cli.main import run

run()
