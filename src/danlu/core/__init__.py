"""The ground floor: the nouns every other floor speaks of, and nothing else."""
