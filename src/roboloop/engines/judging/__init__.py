"""A language model as a judge: what it is asked, what it sees, and how far it can be trusted."""
