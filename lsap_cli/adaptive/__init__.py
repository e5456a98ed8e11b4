"""Adaptive attacks: ladders of attacks that know a defense or a detector: planned, learned, judged.

planning/  pure values: which attackers, in which order
learning/  an attacker -> a perturbation, on fit videos
judging/   rows and records -> ladders, checks, budget curves
"""
