"""Comparing two sides: stored runs, two variants of one run, Google Benchmark files, or commands measured alternately.

sources.py  which sides a call names; paired.py the two of a paired measurement, made by ../measure
sides.py    what one side measured, by case, whichever tool stored it
checks.py   what makes two sides incomparable
model.py    the joined rows with their verdicts, and what could not be compared
formats.py  every format; table.py (the columns), terminal.py, markdown.py, data.py (JSON, CSV), page.py (HTML)
"""
