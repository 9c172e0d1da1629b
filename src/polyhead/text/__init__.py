"""From texts to tokens and words, and from tokens to batches; without torch."""
