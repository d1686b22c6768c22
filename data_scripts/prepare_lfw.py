"""Labeled Faces in the Wild as a prepared set: the same as `mffcn-lite prepare lfw`.

python data_scripts/prepare_lfw.py [ROOT] --out data/lfw
"""

import sys

from mffcn_lite.__main__ import main

if __name__ == "__main__":
    sys.argv[1:1] = ["prepare", "lfw"]
    main("prepare_lfw")
