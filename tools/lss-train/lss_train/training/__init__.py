"""The optimisation: loops, schedules, state, journal."""
