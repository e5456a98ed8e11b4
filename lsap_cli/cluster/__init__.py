"""Work that is spread over machines by Ray: tasks go to its workers, outcomes and events come back to the one run.

Ray is imported inside of functions only, when a command was given `--cluster`: its environment is set before.
"""
