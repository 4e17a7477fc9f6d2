"""What runs beside an objective: the live trial, its reports, its checkpoints and folders."""
