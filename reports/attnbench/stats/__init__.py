"""What the numbers say. The one place where statistics are made; the harness stores raw samples only."""
