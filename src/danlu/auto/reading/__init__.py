"""What a table says: its lines as columns of text, each column as what it is taken for, and why."""
