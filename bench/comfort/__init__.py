"""What a user of command lines expects, tried one by one: `python -m bench.comfort`."""
