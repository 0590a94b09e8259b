"""Print the JSON line; see bench.lagrangian_bias.benchmark."""

from bench.lagrangian_bias.benchmark import main

if __name__ == "__main__":
    main()
