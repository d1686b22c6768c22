"""A folder of your own photos as a prepared set: the same as `mffcn-lite prepare folder`.

python data_scripts/prepare_folder.py ROOT --out data/mine
"""

import sys

from mffcn_lite.__main__ import main

if __name__ == "__main__":
    sys.argv[1:1] = ["prepare", "folder"]
    main("prepare_folder")
