"""`python -m bench.gravity`."""

from bench.gravity.benchmark import main

if __name__ == "__main__":
    main()
