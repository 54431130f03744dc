"""What trains the embedded study's models."""
