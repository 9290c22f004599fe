"""attnbench reports: run directories in, one offline page with figures and tables out.

load/     run.json and records.jsonl become values: Run, Case, Heatmap
stats/    intervals, exponents, speed-ups: Timing, Fit, Point, Series
figures/  one matplotlib figure per question
pages/    HTML, Markdown, CSV, JSON and the terminal table, all from the same columns
build.py  puts the four together and writes the folder in one step
"""
