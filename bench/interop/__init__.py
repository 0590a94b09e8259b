"""Other people's files: what they hold is read right, and at the price of the disk."""
