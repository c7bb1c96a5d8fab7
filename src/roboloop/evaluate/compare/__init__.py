"""Several evaluated models side by side, from what their evaluations left on disk."""
