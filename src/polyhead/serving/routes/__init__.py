"""The routes: our own, and the shapes that clients of other servers already speak."""
