"""`python -m bench.lulo`."""

from bench.lulo.benchmark import main

if __name__ == "__main__":
    main()
