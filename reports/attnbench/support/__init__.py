"""What every part uses and that knows nothing of runs: errors, text, units, fonts, tables and files."""
