"""From an attacker to a perturbation: learned on fit videos, resumable."""
