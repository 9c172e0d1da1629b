"""How the losses of the tasks become one: one file a kind."""
