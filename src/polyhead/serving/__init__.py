"""From a predictor to HTTP, without torch: batches over requests, limits, keys, metrics and a page."""
