"""A pack: the taxonomy, costs and training data that operations people edit."""
