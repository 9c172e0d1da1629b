"""The network: a shared encoder, pooling, and a head for each task."""
