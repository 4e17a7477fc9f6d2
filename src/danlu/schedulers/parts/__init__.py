"""What schedulers are made of."""
