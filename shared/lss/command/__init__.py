"""The command line that all tools share."""
