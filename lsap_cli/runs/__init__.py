"""Run folders: what one command did, in files that anything can read later. No torch here."""

from lsap_cli.runs.run import Listener, Run

__all__ = ["Listener", "Run"]
