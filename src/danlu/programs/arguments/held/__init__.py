"""What runs in a program's own Python to read its parser: it imports nothing of danlu, and the program goes no further than there."""
