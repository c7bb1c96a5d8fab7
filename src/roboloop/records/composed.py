"""Keys of `Record.meta` of records that were made from records."""

PARENTS_KEY = "parents"
"""Ids of the records that a composed record was made from."""

COMPOSER_KEY = "composer"
"""Label of the composer that made it."""

EVIDENCE_KEY = "evidence"
"""Ids and values that prove what it says, as JSON."""
