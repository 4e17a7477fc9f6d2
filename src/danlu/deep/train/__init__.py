"""One network in training: its plan, its optimizer, its loop."""
