"""What is found out beside a search: rates, batch sizes, faults, spread over seeds."""
