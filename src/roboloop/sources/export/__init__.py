"""Records -> the forms in which others publish: the inverse of the general sources."""
