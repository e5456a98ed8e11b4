"""`python -m lsap_cli`: the same as `lsap`."""

from lsap_cli.main import run

run()
