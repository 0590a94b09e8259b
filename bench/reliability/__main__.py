"""Print the JSON line; see bench.reliability.benchmark."""

from bench.reliability.benchmark import main

if __name__ == "__main__":
    main()
