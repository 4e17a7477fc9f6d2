"""What a program prints: its lines, the numbers in them, and the steps that they make."""
