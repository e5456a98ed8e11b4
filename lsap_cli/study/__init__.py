"""A study: a grid of cells in one file, which cells are finished, and the tables that are made of their records.

No torch here: a study file is read and refused before anything heavy is imported.
"""
