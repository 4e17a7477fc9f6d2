"""What needs nothing of danlu: values, names, random numbers, what a failure says."""
