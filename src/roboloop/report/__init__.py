"""The report: a folder that opens from disk and shows every prediction."""
