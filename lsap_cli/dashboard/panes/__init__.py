"""What the tabs of a run show. Each has `show(watch)`, which is called when it is visible and something is new."""
