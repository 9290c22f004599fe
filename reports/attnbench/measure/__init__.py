"""Measuring two commands in turns, into the folder of a pairing. The statistics are not known here but in compare/.

execution.py  one start of a command; builds.py and plugins.py say which commands there are
turns.py      rounds of both sides in random order
pairing.py    the folder that keeps the rounds
"""
