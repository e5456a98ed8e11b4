"""Pictures of perturbations and frames, as files that reports and the dashboard show."""
