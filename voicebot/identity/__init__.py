"""Who is calling, as the service knows it: the customer directory."""
