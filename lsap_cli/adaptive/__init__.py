"""Adaptive attacks: ladders of attackers that know a defense or a detector: planned, learned, judged."""
