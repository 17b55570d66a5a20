"""Sequential backbones, attribute encoders, and how both are trained. The only rooms that know torch."""
