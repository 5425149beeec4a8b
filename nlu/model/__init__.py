"""Everything that shapes a trained model: the version of a model is the hash of this folder, of the data and of the settings."""
