"""Neural bias and field-level posteriors, measured."""
