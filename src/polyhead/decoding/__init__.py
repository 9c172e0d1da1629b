"""From the scores of tokens to spans and tags, and the losses that go with it; without torch."""
