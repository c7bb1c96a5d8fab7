"""Foundations: errors, hashing, atomic files, geometry, statistics, pictures, progress."""
