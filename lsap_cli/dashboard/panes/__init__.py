"""The tabs of a run. Each has `show(reader)`, which is called when it is visible and something is new."""
