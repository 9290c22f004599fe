"""attnbench in Python: run directories in; statistics, pages with figures and tables, comparisons out.

support/   what every part uses: errors, text, units, fonts, files
load/      run.json and records.jsonl become values: Run, Case, Heatmap
stats/     intervals, exponents, speed-ups: Timing, Fit, Point, Series
model.py   Report: everything that is known of some runs, for figures and pages
figures/   one matplotlib figure per question
pages/     HTML, Markdown, CSV, JSON, LaTeX and the terminal table, all from the same columns
exchange/  `attnbench export`: runs in the formats of other tools
measure/   two commands measured in turns, for compare
compare/   `attnbench compare`: two sides, case by case
doctor/    verdicts of `attnbench doctor` on the statistics themselves
build.py   the report's folder, written in one step; __main__.py is `attnbench report`
"""
