"""Other tools' formats: Google Benchmark's JSON in and out, LaTeX tables, and the command that writes them."""
