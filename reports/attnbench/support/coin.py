"""Which of two sides goes first: one coin for each pair of processes, the same again for the same seed.

A fixed order such as A B B A aliases: a disturbance that repeats every four processes falls on the same side each time.
"""

import random


def coin(seed: int, place: int) -> bool:
    """Of the pair number `place`."""
    return random.Random(f"{seed}:{place}").random() < 0.5
