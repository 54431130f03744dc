"""Double reconstruction: images through an autoencoder, twice, and the losses of both passes."""
