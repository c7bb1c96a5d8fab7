"""Ask, score, compare with baselines; every number with its interval."""
