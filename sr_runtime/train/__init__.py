"""Train the networks on recordings: the autoencoder, then the generator in two stages."""
