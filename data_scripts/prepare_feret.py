"""FERET, as NIST ships it, as a prepared set: the same as `mffcn-lite prepare feret`.

python data_scripts/prepare_feret.py ROOT --out data/feret
"""

import sys

from mffcn_lite.__main__ import main

if __name__ == "__main__":
    sys.argv[1:1] = ["prepare", "feret"]
    main("prepare_feret")
