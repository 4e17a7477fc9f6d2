"""Other projects' front doors: their names and conventions, over danlu's studies, stores and page. Nobody imports them."""
