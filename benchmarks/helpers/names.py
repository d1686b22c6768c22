"""The systems that the experiments measure, by name. A new one enters the tables when it is written here."""

INTERPOLATIONS = ("nearest", "bilinear", "bicubic", "lanczos")
NETWORKS, FITTED = ("srcnn", "nie", "fsrcnn", "mffcn"), ("wiener", "example", "sparse", "forest")
SYSTEMS = (*INTERPOLATIONS, "wiener", "ibp", "pocs", "example", "sparse", "forest", *NETWORKS)  # in the tables' order
SHIPPED = (*FITTED, *NETWORKS, "mffcn-full")  # with weights
