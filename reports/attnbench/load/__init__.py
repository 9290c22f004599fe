"""Reads what the harness stored; the format is harness/schema/run.schema.json and record.schema.json."""
