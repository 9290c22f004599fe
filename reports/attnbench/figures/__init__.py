"""One matplotlib figure per question; style.py gives every variant the same look on all of them."""
