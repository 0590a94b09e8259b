"""The trainings of a Lagrangian bias: by labels, cells or modes; and what it is compared with."""
