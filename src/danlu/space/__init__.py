"""What can be tuned: parameters, spaces made of them, constraints between them."""
