"""Questions whose options are drawn into the picture, for every source that knows its places."""
