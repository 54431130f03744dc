"""Attribution of images to latent diffusion models by autoencoder double reconstruction (AEDR, arXiv 2507.18988)."""
