"""Pictures: reading, making and measuring them."""
