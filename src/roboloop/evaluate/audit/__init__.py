"""What is wrong with a set of stored answers, besides being wrong: found without asking again."""
