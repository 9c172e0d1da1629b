"""How often each task is drawn: one file a kind."""
