"""From a model folder to answers, without torch."""
