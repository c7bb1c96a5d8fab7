"""Recipe -> plan -> run: cached, resumable, locked."""
