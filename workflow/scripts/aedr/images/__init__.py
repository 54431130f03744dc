"""Reading, generating and measuring pictures."""
