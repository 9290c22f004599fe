"""Comparing two sides: stored runs, two variants of one run, Google Benchmark files, or commands measured alternately.

sides.py    what one side measured, by case, whichever tool stored it
checks.py   what makes two sides incomparable
model.py    the joined rows with their verdicts, and what could not be compared
pages       table.py (the columns), terminal.py, markdown.py, html.py, data.py (JSON)
paired.py   measures two commands alternately and stores what they gave; builds.py finds or makes the binaries
"""
