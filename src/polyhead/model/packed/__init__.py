"""The forward of known encoders without padding: linear layers see real tokens only."""
