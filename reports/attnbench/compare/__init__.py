"""Comparing two sides: stored runs, two variants of one run, Google Benchmark files, or commands measured alternately.

sides.py    what one side measured, by case, whichever tool stored it
checks.py   what makes two sides incomparable
model.py    the joined rows with their verdicts, and what could not be compared
pages.py    every format; table.py (the columns), terminal.py, markdown.py, data.py (JSON, CSV); HTML is in ../pages
measure.py  two commands in turns (execution.py starts them, builds.py and plugins.py say which), kept by pairing.py
"""
