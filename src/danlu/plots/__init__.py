"""Figures for papers and notebooks, drawn by matplotlib from the arrays of ``danlu.analysis``; the page draws the same arrays."""
