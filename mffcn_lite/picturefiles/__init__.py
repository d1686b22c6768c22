"""Picture files: what they hold, as pixels, and a PNG written."""
