"""What a program is told: its command line, the options of its parser, copies of its config files."""
