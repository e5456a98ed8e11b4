"""Learning a perturbation from real videos: batches, schedule, verification, process groups."""
