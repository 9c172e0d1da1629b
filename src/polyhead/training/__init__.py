"""From rows to a trained model: the loop, its checkpoints, its metrics."""
