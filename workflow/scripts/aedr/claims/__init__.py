"""What an image's file claims about its origin: metadata, Content Credentials and watermarks, none of it verified."""
