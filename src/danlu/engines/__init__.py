"""Where objectives run: in this process, or in a pool of worker processes."""
