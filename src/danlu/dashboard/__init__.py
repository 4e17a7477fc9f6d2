"""The page: a study as it runs, in a browser; everything it shows comes from ``danlu.analysis``, everything it does is an event.

``feed`` follows journals, ``views`` says what a panel is drawn from, ``guard`` keeps strangers out, ``app`` answers requests,
``report`` writes the same page as one file. ``static`` is the front end: plain modules, no build step.
"""
