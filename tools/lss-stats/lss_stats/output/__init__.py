"""Reports, tables, summaries and listings."""
