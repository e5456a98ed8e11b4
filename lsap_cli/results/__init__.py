"""What a run finds, as types: one class for everything that a run folder holds as JSON. Imports nothing of ours.

Writers build these objects; readers get them back. Reports, the dashboard and scripts share the same classes.

rates.py        shares with counts and intervals, paired tests
records.py      one prediction: a line of records.jsonl
rows.py         one attack, defense and sampler: a row of results.json
per_class.py    outcomes by class, and what was taken for what
ladders.py      adaptive attacks on defenses and detectors, checks, budget curves
detectors.py    scores and figures of detectors
robustness.py   certificates, natural corruptions
spread.py       seeds, transfer between models, samplers
manifest.py     files that `apply` wrote
documents.py    results.json of each command, with its parts
events.py       events.jsonl: one class a kind
run_facts.py    run.json
pictures.py     look.json and the pictures that results.json names
files.py        reading and writing all of these
results_file.py reading results.json of any command
"""
