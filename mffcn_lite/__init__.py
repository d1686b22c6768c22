"""Super-resolution of faces, small enough to read. What is used most is here, and imported when asked for."""

_NAMES = {
    "load_model": "mffcn_lite.checkpoint:load_model",
    "create_model": "mffcn_lite.models:create_model",
    "load_faces": "mffcn_lite.data:load_faces",
    "psnr": "mffcn_lite.metrics:psnr",
    "ssim": "mffcn_lite.metrics:ssim",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        return version("mffcn-lite")
    if name not in _NAMES:
        raise AttributeError(f"module {__name__} has no attribute {name}; it has {', '.join(_NAMES)}")
    from mffcn_lite.shipped import find

    return find(_NAMES[name])


def __dir__() -> list[str]:
    return [*globals(), *_NAMES, "__version__"]
