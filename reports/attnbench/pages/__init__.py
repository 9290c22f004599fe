"""The report as a page, as Markdown, CSV and JSON and in the terminal; all print the same columns (columns.py)."""
