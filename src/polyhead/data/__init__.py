"""From the files that a recipe names to rows that training can draw from."""
