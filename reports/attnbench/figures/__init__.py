"""One matplotlib figure per question; style.py gives every variant the same look on all of them. Of a panel of many
series a figure goes by family: tiles.py (lines), rows.py (one size), labels.py (names that do not overlap)."""
