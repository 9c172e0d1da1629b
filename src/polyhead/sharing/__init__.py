"""How the tasks share one encoder: one file a kind."""
