"""The kinds of question that a model answers about a text: one file a kind."""
