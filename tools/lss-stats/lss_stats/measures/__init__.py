"""One module for each statistic."""
