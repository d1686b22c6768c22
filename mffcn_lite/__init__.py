"""mffcn_lite: super-resolution of faces, small enough to read."""
