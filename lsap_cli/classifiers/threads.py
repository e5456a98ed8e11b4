"""The number of torch's threads, on which the bits of a result depend (law 6)."""

import torch

from lsap_cli.results.events import WarningEvent
from lsap_cli.runs import Run


def keep_threads(run: Run) -> None:
    """Notes torch's number of threads in run.json; a resumed run gets the number that it began with.

    Sums are split among threads, so another number rounds differently: the bits of some convolutions then differ.
    """
    here = torch.get_num_threads()
    begun = run.begun.threads if run.begun else here
    if isinstance(begun, int) and begun != here:
        torch.set_num_threads(begun)
        message = f"the run began with {begun} torch threads and is resumed with as many, not with {here}: same bits"
        run.event(WarningEvent(message=message))
    run.note_threads(torch.get_num_threads())
