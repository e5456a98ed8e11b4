"""A finished run, handed to other programs: `lsap report RUN --to TARGET`. One module a target.

targets.py     the table of targets
contents.py    what all trackers of experiments get of a run
curves.py      the curves of events.jsonl
figures.py     final rates and other numbers, each with what belongs to it
tables.py      the run's tables
names.py       names of figures that every tracker takes
packages.py    optional packages, imported when they are asked for
"""
