"""python -m bench.neural_bias"""

from bench.neural_bias.benchmark import main

if __name__ == "__main__":
    main()
