"""Simulated pick-and-place episodes: made with MuJoCo, read as a rendered pack without it."""
