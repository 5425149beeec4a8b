"""Where conversations come in: one package per kind of endpoint, all behind the small contracts in this folder."""
