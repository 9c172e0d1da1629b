"""Studies of a recipe: what is asked about models rather than about texts."""
