"""What happened: events, and the history that is their fold."""
