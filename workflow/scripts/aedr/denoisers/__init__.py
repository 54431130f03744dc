"""Denoisers of the models that share an autoencoder: how well each predicts the noise that was added to an image."""
