"""Model weights: which files of a repository a model needs, and downloading them."""
