"""Official portraits and the London set as a prepared set: the same as `mffcn-lite prepare portraits`.

python data_scripts/prepare_portraits.py [ROOT] --out data/portraits
"""

import sys

from mffcn_lite.__main__ import main

if __name__ == "__main__":
    sys.argv[1:1] = ["prepare", "portraits"]
    main("prepare_portraits")
